// SPDX-License-Identifier: Apache-2.0
// The reader reads what the writer wrote. An unfinished file leaves nothing behind.
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "model/safetensors_file.hpp"
#include "model/safetensors_writer.hpp"
#include "model_test_support.hpp"

namespace inferbench {
namespace {

using model_test::error_of;
using testing::HasSubstr;
using Tensors = std::vector<SafetensorsWriter::Tensor>;

TEST(SafetensorsWriter, StreamsRowsThatReadBack) {
  const model_test::TempFolder folder;
  const auto path = folder.path() / "logits.safetensors";
  std::vector<float> values(3 * 5);
  std::iota(values.begin(), values.end(), 0.25F);
  values[7] = std::numeric_limits<float>::infinity();
  const std::vector<std::int32_t> ids = {1, -2, 3};
  {
    SafetensorsWriter writer(path, Tensors{{"case0.logits", "F32", {3, 5}}, {"case0.\"ids\"", "I32", {3}}},
                             {{"by", "test"}});
    for (std::size_t row = 0; row < 3; ++row) writer.write(std::span(values).subspan(5 * row, 5));
    writer.write(ids);
    EXPECT_FALSE(std::filesystem::exists(path)) << "before finish()";
    writer.finish();
  }
  const auto file = SafetensorsFile::open(path);
  EXPECT_EQ(file.header().data_begin % 8, 0U);
  EXPECT_EQ(file.header().metadata.at("by"), "test");
  EXPECT_EQ(file.find("case0.logits")->shape, (std::vector<std::uint64_t>{3, 5}));
  EXPECT_EQ(file.read_f32("case0.logits"), values);
  EXPECT_EQ(file.read_i32("case0.\"ids\""), ids);
}

TEST(SafetensorsWriter, WritesScalarsAndEmptyTensorsAndNone) {
  const model_test::TempFolder folder;
  const auto path = folder.path() / "x.safetensors";
  {
    SafetensorsWriter writer(path, Tensors{{"none", "F32", {0, 4}}, {"one", "F32", {}}});
    writer.write(std::vector<float>{2.5F});
    writer.finish();
  }
  EXPECT_EQ(SafetensorsFile::open(path).read_f32("one"), std::vector<float>{2.5F});
  EXPECT_TRUE(SafetensorsFile::open(path).read_f32("none").empty());
  SafetensorsWriter empty(path, Tensors{});
  empty.finish();
  EXPECT_TRUE(SafetensorsFile::open(path).tensors().empty()) << "replaces the old file";
}

TEST(SafetensorsWriter, UnfinishedLeavesTheOldFileAndNoOther) {
  const model_test::TempFolder folder;
  const auto path = folder.path() / "x.safetensors";
  model_test::write_file(path, "old");
  {
    SafetensorsWriter writer(path, Tensors{{"a", "F32", {4}}});
    writer.write(std::vector<float>{1, 2});
    EXPECT_THROW(writer.finish(), std::logic_error) << "too little";
  }
  EXPECT_EQ(std::filesystem::file_size(path), 3U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()),
            1);
}

TEST(SafetensorsWriter, RefusesWhatWasNotAnnounced) {
  const model_test::TempFolder folder;
  const auto path = folder.path() / "x.safetensors";
  SafetensorsWriter writer(path, Tensors{{"a", "F32", {2}}, {"b", "I32", {1}}});
  EXPECT_THROW(writer.write(std::vector<std::int32_t>{1}), std::logic_error);
  EXPECT_THROW(writer.write(std::vector<float>{1, 2, 3}), std::logic_error) << "would run into the I32 tensor";
  writer.write(std::vector<float>{1, 2});
  EXPECT_THROW(writer.write(std::vector<float>{1}), std::logic_error);
  EXPECT_THROW(writer.write(std::vector<std::int32_t>{1, 2}), std::logic_error);
  writer.write(std::vector<std::int32_t>{1});
  writer.finish();
  EXPECT_THROW(SafetensorsWriter(path, Tensors{{"a", "F31", {2}}}), std::logic_error);
  EXPECT_THROW(SafetensorsWriter(path, Tensors{{"a", "F32", {2}}, {"a", "F32", {2}}}), std::logic_error);
  EXPECT_THROW(SafetensorsWriter(path, Tensors{{"a", "F32", {UINT64_MAX}}}), std::logic_error);
}

TEST(SafetensorsWriter, SaysWhenItCannotWrite) {
  const model_test::TempFolder folder;
  EXPECT_THAT(error_of([&] { SafetensorsWriter(folder.path() / "no" / "x.safetensors", Tensors{}); }),
              HasSubstr("x.safetensors: there is no folder"));
  EXPECT_THAT(error_of([&] {
                SafetensorsWriter writer("/dev/full", Tensors{{"a", "F32", {2}}});
                writer.write(std::vector<float>{1, 2});
                writer.finish();
              }),
              HasSubstr("free space on that disk"));
}

TEST(SafetensorsWriter, WritesDevicesInPlace) {
  SafetensorsWriter writer("/dev/null", Tensors{{"a", "F32", {1}}});
  writer.write(std::vector<float>{1});
  writer.finish();
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace inferbench
