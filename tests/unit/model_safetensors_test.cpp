// SPDX-License-Identifier: Apache-2.0
// Every kind of invalid safetensors header gives one error that names the file and the tensor.
#include <sys/stat.h>

#include <string>
#include <vector>

#include "model/safetensors_file.hpp"
#include "model/safetensors_header.hpp"
#include "model_test_support.hpp"

namespace inferbench {
namespace {

using model_test::error_of;
using model_test::safetensors_text;
using testing::AllOf;
using testing::HasSubstr;

SafetensorsHeader parse(const std::string& text) {
  return parse_safetensors_header(std::as_bytes(std::span(text)), text.size(), "x.safetensors");
}

std::string parse_error(const std::string& text) {
  return error_of([&] { parse(text); });
}

std::string json_error(std::string_view json, std::size_t n_data = 0) {
  return parse_error(safetensors_text(json, n_data));
}

TEST(SafetensorsHeader, ReadsTensorsByOffset) {
  const auto header = parse(safetensors_text(
      R"({"b":{"dtype":"F32","shape":[2,3],"data_offsets":[2,26]},"__metadata__":{"format":"pt","k":"v"},)"
      R"("a":{"data_offsets":[0,2],"shape":[],"dtype":"BF16"}}   )",
      26));
  ASSERT_EQ(header.tensors.size(), 2U);
  EXPECT_EQ(header.tensors[0].name, "a");
  EXPECT_EQ(header.tensors[0].dtype, "BF16");
  EXPECT_TRUE(header.tensors[0].shape.empty());
  EXPECT_EQ(header.tensors[1].name, "b");
  EXPECT_EQ(header.tensors[1].shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(header.tensors[1].begin, 2U);
  EXPECT_EQ(header.tensors[1].end, 26U);
  EXPECT_EQ(header.metadata.at("format"), "pt");
  EXPECT_EQ(header.metadata.size(), 2U);
}

TEST(SafetensorsHeader, AcceptsAnEmptyFileOfTensorsAndEmptyTensors) {
  EXPECT_TRUE(parse(safetensors_text("{}", 0)).tensors.empty());
  const auto header = parse(safetensors_text(R"({"a":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},)"
                                             R"("b":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}})",
                                             1));
  EXPECT_EQ(header.tensors.size(), 2U);
}

TEST(SafetensorsHeader, RefusesShortAndMisdeclaredLengths) {
  EXPECT_THAT(parse_error(""), HasSubstr("x.safetensors: only 0 bytes"));
  EXPECT_THAT(parse_error("1234567"), HasSubstr("only 7 bytes"));
  EXPECT_THAT(parse_error(safetensors_text("{}", 0, 3)), HasSubstr("header of 3 bytes in a file of 10"));
  EXPECT_THAT(parse_error(safetensors_text("{}", 0, UINT64_MAX)), HasSubstr("header of 18446744073709551615 bytes"));
  EXPECT_THAT(parse_error(safetensors_text("{}", 0, UINT64_MAX - 7)), HasSubstr("the format allows 100000000"));
  EXPECT_THAT(parse_error(safetensors_text("{}", 0, 0)), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(parse_error(safetensors_text("{}", 0, 1)), HasSubstr("not valid JSON"));
}

TEST(SafetensorsHeader, RefusesAHeaderAboveTheFormatsLimitThoughTheFileIsLargeEnough) {
  const std::string head = safetensors_text("{}", 0, 100'000'001);
  const auto error =
      error_of([&] { parse_safetensors_header(std::as_bytes(std::span(head)), 200'000'000, "x.safetensors"); });
  EXPECT_THAT(error, HasSubstr("header of 100000001 bytes; the format allows 100000000"));
}

TEST(SafetensorsHeader, RefusesAHeaderThatWasNotReadWhole) {
  const std::string text = safetensors_text("{}  ", 0);
  const auto error =
      error_of([&] { parse_safetensors_header(std::as_bytes(std::span(text)).first(10), 12, "x.safetensors"); });
  EXPECT_THAT(error, HasSubstr("2 bytes of a header of 4 were read"));
}

TEST(SafetensorsHeader, RefusesWhatIsNotItsJson) {
  EXPECT_THAT(json_error("[]"), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(json_error(" {}"), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(json_error("{"), HasSubstr("not valid JSON"));
  EXPECT_THAT(json_error("{}}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(json_error("{} x"), HasSubstr("not valid JSON"));
  EXPECT_THAT(json_error("{\"a\xff\":1}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(json_error(std::string("{}\0 hidden", 10)), HasSubstr("NUL in the header"));
  EXPECT_THAT(json_error(R"({"a":5})"), AllOf(HasSubstr("tensor 'a'"), HasSubstr("a number where")));
  EXPECT_THAT(json_error(R"({"a":[]})"), AllOf(HasSubstr("tensor 'a'"), HasSubstr("an array where")));
  EXPECT_THAT(json_error(R"({"a":null})"), HasSubstr("null where"));
  EXPECT_THAT(json_error(R"({"a":true})"), HasSubstr("a boolean where"));
  EXPECT_THAT(json_error(R"({"a":"F32"})"), HasSubstr("a string where"));
}

TEST(SafetensorsHeader, RefusesWrongFields) {
  EXPECT_THAT(json_error(R"({"a":{}})"), AllOf(HasSubstr("'a'"), HasSubstr("lacks one of dtype")));
  EXPECT_THAT(json_error(R"({"a":{"dtype":"F32","shape":[]}})"), HasSubstr("lacks one of"));
  EXPECT_THAT(json_error(R"({"a":{"color":1}})"), HasSubstr("unknown field 'color'"));
  EXPECT_THAT(json_error(R"({"a":{"dtype":"F32","dtype":"F16"}})"), HasSubstr("dtype occurs twice"));
  EXPECT_THAT(json_error(R"({"a":{"shape":[],"shape":[]}})"), HasSubstr("shape occurs twice"));
  EXPECT_THAT(json_error(R"({"a":{"dtype":4}})"), HasSubstr("a number where"));
  EXPECT_THAT(json_error(R"({"a":{"shape":{}}})"), HasSubstr("an object where"));
  EXPECT_THAT(json_error(R"({"a":{"shape":[[1]]}})"), HasSubstr("an array where"));
  EXPECT_THAT(json_error(R"({"a":{"shape":[-1]}})"), HasSubstr("a negative number where"));
  EXPECT_THAT(json_error(R"({"a":{"shape":[1.0]}})"), HasSubstr("not a 64-bit integer"));
  EXPECT_THAT(json_error(R"({"a":{"shape":[18446744073709551616]}})"), HasSubstr("not a 64-bit integer"));
  EXPECT_THAT(json_error(R"({"a":{"shape":[1e999]}})"), HasSubstr("not valid JSON: number overflow"));
  EXPECT_THAT(json_error(R"({"a":{"data_offsets":[0]}})"), HasSubstr("not [begin, end]"));
  EXPECT_THAT(json_error(R"({"a":{"data_offsets":[0,1,2]}})"), HasSubstr("a number where"));
  EXPECT_THAT(json_error(R"({"a":{"data_offsets":[]}})"), HasSubstr("not [begin, end]"));
  EXPECT_THAT(json_error(R"({"a":{"data_offsets":["0",1]}})"), HasSubstr("a string where"));
}

TEST(SafetensorsHeader, RefusesDuplicates) {
  const std::string tensor = R"("a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_THAT(json_error("{" + tensor + "," + tensor + "}", 1), HasSubstr("tensor 'a' occurs twice"));
  EXPECT_THAT(json_error(R"({"__metadata__":{},"__metadata__":{}})"), HasSubstr("occurs twice"));
  EXPECT_THAT(json_error(R"({"__metadata__":{"k":"1","k":"2"}})"), HasSubstr("key 'k' occurs twice"));
}

TEST(SafetensorsHeader, RefusesMetadataOtherThanText) {
  EXPECT_THAT(json_error(R"({"__metadata__":{"k":1}})"), AllOf(HasSubstr("__metadata__"), HasSubstr("a number")));
  EXPECT_THAT(json_error(R"({"__metadata__":{"k":{}}})"), HasSubstr("an object where"));
  EXPECT_THAT(json_error(R"({"__metadata__":[]})"), HasSubstr("an array where"));
}

TEST(SafetensorsHeader, RefusesUnknownDtypes) {
  EXPECT_THAT(json_error(R"({"a":{"dtype":"Q4_0","shape":[1],"data_offsets":[0,4]}})", 4),
              AllOf(HasSubstr("x.safetensors: tensor 'a'"), HasSubstr("unknown dtype 'Q4_0'")));
  EXPECT_THAT(json_error(R"({"a":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}})", 4), HasSubstr("unknown dtype"));
}

TEST(SafetensorsHeader, RefusesSizesThatDoNotMatchTheShape) {
  EXPECT_THAT(json_error(R"({"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,8]}})", 8),
              AllOf(HasSubstr("'a'"), HasSubstr("8 bytes, but F32 [2, 2] takes 16")));
  EXPECT_THAT(json_error(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,0]}})", 0), HasSubstr("takes 4"));
}

TEST(SafetensorsHeader, RefusesShapesThatOverflow) {
  // 2^32 * 2^32 elements, and 2^62 elements of 4 bytes: both are 0 modulo 2^64.
  EXPECT_THAT(json_error(R"({"a":{"dtype":"I8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),
              HasSubstr("overflows 64 bits"));
  EXPECT_THAT(json_error(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})"),
              HasSubstr("overflows 64 bits"));
  std::string shape = "1";
  for (int i = 0; i < 32; ++i) shape += ",1";
  EXPECT_THAT(json_error(R"({"a":{"dtype":"I8","shape":[)" + shape + R"(],"data_offsets":[0,1]}})", 1),
              HasSubstr("more than 32 dimensions"));
}

TEST(SafetensorsHeader, RefusesOffsetsOutsideTheFile) {
  EXPECT_THAT(json_error(R"({"a":{"dtype":"I8","shape":[9],"data_offsets":[0,9]}})", 8),
              AllOf(HasSubstr("'a'"), HasSubstr("ends at byte 9 of a data section of 8"), HasSubstr("truncated")));
  EXPECT_THAT(json_error(R"({"a":{"dtype":"I8","shape":[2],"data_offsets":[18446744073709551614,0]}})", 2),
              HasSubstr("begins at 18446744073709551614 but already ends"));
  EXPECT_THAT(
      json_error(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}})", 2),
      HasSubstr("of a data section of 2"));
}

TEST(SafetensorsHeader, RefusesOverlapsHolesAndTrailingBytes) {
  const auto two = [](const std::string& a, const std::string& b) {
    return R"({"a":{"dtype":"I8","shape":[4],"data_offsets":)" + a +
           R"(},"b":{"dtype":"I8","shape":[4],"data_offsets":)" + b + "}}";
  };
  EXPECT_THAT(json_error(two("[0,4]", "[2,6]"), 6), AllOf(HasSubstr("'b'"), HasSubstr("inside another tensor")));
  EXPECT_THAT(json_error(two("[0,4]", "[0,4]"), 4), HasSubstr("inside another tensor"));
  EXPECT_THAT(json_error(two("[0,4]", "[6,10]"), 10),
              AllOf(HasSubstr("'b'"), HasSubstr("the tensor before ends at 4")));
  EXPECT_THAT(json_error(two("[1,5]", "[5,9]"), 9), HasSubstr("the tensor before ends at 0"));
  EXPECT_THAT(json_error(two("[0,4]", "[4,8]"), 9), HasSubstr("1 bytes after the last tensor"));
  EXPECT_THAT(json_error("{}", 1), HasSubstr("1 bytes after the last tensor"));
}

TEST(SafetensorsHeader, JsonBombsStopAtTheirFirstWrongToken) {
  const std::size_t n = 20'000'000;
  std::string nested = R"({"a":)";
  nested.append(n, '[');
  EXPECT_THAT(json_error(nested), HasSubstr("an array where"));
  std::string objects = "{";
  for (int i = 0; i < 1'000'000; ++i) objects += R"("a":{)";
  EXPECT_THAT(json_error(objects), HasSubstr("unknown field 'a'"));
}

TEST(SafetensorsHeader, MessagesStayShortAndHarmless) {
  const std::string name(1'000'000, 'x');
  EXPECT_THAT(json_error(R"({"\u001b[2J\n)" + name + R"(":{"dtype":"F99","shape":[],"data_offsets":[0,0]}})"),
              HasSubstr("unknown dtype"));
  EXPECT_THAT(json_error("{\"a\":" + name + "}"), HasSubstr("not valid JSON"));
}

TEST(SafetensorsFile, RefusesWhatIsNotAFile) {
  const model_test::TempFolder folder;
  EXPECT_THAT(error_of([&] { SafetensorsFile::open(folder.path() / "none.safetensors"); }), HasSubstr("cannot open"));
  EXPECT_THAT(error_of([&] { SafetensorsFile::open(folder.path()); }), HasSubstr("not a regular file"));
  const auto fifo = folder.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_THAT(error_of([&] { SafetensorsFile::open(fifo); }), HasSubstr("not a regular file"));
  EXPECT_THAT(error_of([&] { SafetensorsFile::open("/dev/zero"); }), HasSubstr("not a regular file"));
}

TEST(SafetensorsFile, EveryTruncationIsAnError) {
  const model_test::TempFolder folder;
  const std::string whole = safetensors_text(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 16);
  const auto path = folder.path() / "model.safetensors";
  model_test::write_file(path, whole);
  EXPECT_NO_THROW(SafetensorsFile::open(path));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    model_test::write_file(path, whole.substr(0, size));
    EXPECT_THAT(error_of([&] { SafetensorsFile::open(path); }), HasSubstr("model.safetensors")) << size;
  }
}

TEST(SafetensorsFile, RefusesToReadAnotherDtype) {
  const model_test::TempFolder folder;
  const auto path = folder.path() / "a.safetensors";
  model_test::write_file(path, safetensors_text(R"({"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}})", 4));
  const auto file = SafetensorsFile::open(path);
  EXPECT_THROW(file.read_f32("a"), Error);
  EXPECT_THROW(file.read_i32("a"), Error);
  EXPECT_THROW(file.read_f32("b"), Error);
}

}  // namespace
}  // namespace inferbench
