// SPDX-License-Identifier: Apache-2.0
// Every golden folder opens with its original shape, and its tensors are read correctly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "inferbench/decoder.hpp"
#include "model/model.hpp"
#include "model/safetensors_file.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

const std::filesystem::path kData = test_paths::kData;

struct Fixture {
  const char* folder;
  std::int32_t n_layers, n_heads, hidden_size, intermediate_size, max_positions, vocab_size;
  std::int32_t dtype;
  bool tied;
  std::size_t n_files;
};

void PrintTo(const Fixture& fixture, std::ostream* out) {
  *out << fixture.folder;
}

class ModelFixture : public testing::TestWithParam<Fixture> {};

TEST_P(ModelFixture, OpensWithItsShape) {
  const Fixture& expected = GetParam();
  const Model model = Model::open(expected.folder, kData);
  EXPECT_EQ(model.name(), expected.folder);
  EXPECT_EQ(model.reference(), expected.folder);
  EXPECT_EQ(model.files().size(), expected.n_files);
  EXPECT_EQ(model.place(), kData / expected.folder);
  const ModelConfig& config = model.config();
  EXPECT_EQ(config.n_layers, expected.n_layers);
  EXPECT_EQ(config.n_heads, expected.n_heads);
  EXPECT_EQ(config.hidden_size, expected.hidden_size);
  EXPECT_EQ(config.intermediate_size, expected.intermediate_size);
  EXPECT_EQ(config.max_positions, expected.max_positions);
  EXPECT_EQ(config.vocab_size, expected.vocab_size);
  EXPECT_EQ(config.tied_head, expected.tied);
  EXPECT_EQ(config.activation, IB_ACTIVATION_GELU_TANH);
  EXPECT_EQ(config.norm_epsilon, 1e-5);
}

TEST_P(ModelFixture, GivesEveryTensorUnderItsCanonicalName) {
  const Fixture& expected = GetParam();
  const Model model = Model::open(expected.folder, kData);
  const Weights weights = model.weights();
  const auto specs = decoder::tensors(model_desc(model.config()));
  ASSERT_EQ(weights.tensors().size(), specs.size());
  std::uint64_t n_elements = 0;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const ib_tensor& tensor = weights.tensors()[i];
    EXPECT_EQ(tensor.name, specs[i].name);
    EXPECT_EQ(tensor.dtype, expected.dtype) << tensor.name;
    ASSERT_EQ(tensor.rank, specs[i].rank) << tensor.name;
    std::int64_t last = 0;
    for (std::int32_t d = 0; d < IB_MAX_RANK; ++d) {
      EXPECT_EQ(tensor.shape[d], d < tensor.rank ? specs[i].shape[static_cast<std::size_t>(d)] : 0) << tensor.name;
      EXPECT_EQ(tensor.strides[d] >= 1, d < tensor.rank) << tensor.name;
      if (d < tensor.rank) last += (tensor.shape[d] - 1) * tensor.strides[d];
    }
    const std::uint64_t element = expected.dtype == IB_DTYPE_F32 ? 4 : 2;
    EXPECT_EQ(tensor.n_bytes, (static_cast<std::uint64_t>(last) + 1) * element) << tensor.name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data) % element, 0U) << tensor.name;
    n_elements += static_cast<std::uint64_t>(specs[i].n_elements());
  }
  EXPECT_EQ(model.n_parameters(), n_elements);
}

TEST_P(ModelFixture, DescriptionCarriesTheConfig) {
  const Model model = Model::open(GetParam().folder, kData);
  const Weights weights = model.weights();
  const ib_model_desc desc = weights.desc();
  EXPECT_EQ(desc.struct_size, sizeof(ib_model_desc));
  EXPECT_EQ(desc.n_layers, GetParam().n_layers);
  EXPECT_EQ(desc.n_heads, GetParam().n_heads);
  EXPECT_EQ(desc.hidden_size, GetParam().hidden_size);
  EXPECT_EQ(desc.intermediate_size, GetParam().intermediate_size);
  EXPECT_EQ(desc.max_positions, GetParam().max_positions);
  EXPECT_EQ(desc.vocab_size, GetParam().vocab_size);
  EXPECT_EQ(desc.tied_head, GetParam().tied ? 1 : 0);
  EXPECT_EQ(desc.layers, weights.config().layers.data());
  EXPECT_EQ(desc.n_rotary_tables, 0);
  EXPECT_EQ(desc.norm_epsilon, 1e-5);
  EXPECT_EQ(desc.tensors, weights.tensors().data());
  EXPECT_EQ(desc.n_tensors, weights.tensors().size());
}

INSTANTIATE_TEST_SUITE_P(Golden, ModelFixture,
                         testing::Values(Fixture{"tiny", 2, 4, 64, 256, 128, 257, IB_DTYPE_F32, true, 1},
                                         Fixture{"tiny-f16", 3, 4, 64, 256, 128, 257, IB_DTYPE_F16, true, 1},
                                         Fixture{"tiny-bf16", 2, 2, 64, 256, 128, 257, IB_DTYPE_BF16, true, 1},
                                         Fixture{"tiny-untied", 2, 4, 64, 256, 128, 257, IB_DTYPE_F32, false, 1},
                                         Fixture{"tiny-sharded", 4, 4, 64, 256, 128, 257, IB_DTYPE_F32, true, 3},
                                         Fixture{"tiny-original-names", 2, 4, 64, 160, 128, 257, IB_DTYPE_F32, true, 1},
                                         Fixture{"shakespeare", 4, 4, 256, 1024, 256, 1024, IB_DTYPE_F16, true, 1}),
                         [](const auto& instance) {
                           std::string name = instance.param.folder;
                           std::erase(name, '-');
                           return name;
                         });

TEST(SafetensorsFile, ReadsExpectedFilesOfTheFixtures) {
  const auto file = SafetensorsFile::open(kData / "tiny" / "expected.safetensors");
  const SafetensorsTensor* logits = file.find("case1.logits");
  ASSERT_NE(logits, nullptr);
  EXPECT_EQ(logits->dtype, "F32");
  EXPECT_EQ(logits->shape, (std::vector<std::uint64_t>{7, 257}));
  EXPECT_EQ(file.read_f32("case1.logits").size(), 7U * 257U);
  const auto ids = file.read_i32("case1.input_ids");
  ASSERT_EQ(ids.size(), 7U);
  for (const std::int32_t id : ids) EXPECT_TRUE(id >= 0 && id < 257) << id;
  EXPECT_EQ(file.find("case9.logits"), nullptr);
}

// The greedy id after the last position is the argmax of its logits. The values and ids of a file agree only if both
// are read from the right bytes.
TEST(SafetensorsFile, ValuesAreThoseOfTheFile) {
  const auto file = SafetensorsFile::open(kData / "synthetic-gpt2-seed0" / "expected.safetensors");
  for (const std::string name : {"case0", "case1", "case2"}) {
    const auto logits = file.read_f32(name + ".last_logits");
    const auto greedy = file.read_i32(name + ".greedy");
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    EXPECT_EQ(best, greedy.front()) << name;
  }
}

}  // namespace
}  // namespace inferbench
