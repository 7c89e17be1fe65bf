// SPDX-License-Identifier: Apache-2.0
// Folders that MLX has quantized: every number of bits, groups that differ by layer, and tensors that do not fit.
#include <array>
#include <filesystem>
#include <map>

#include "model/model.hpp"
#include "model_test_support.hpp"
#include "support/mlx_folder.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using model_test::error_of;
using model_test::TempFolder;
using testing::HasSubstr;

const std::filesystem::path kLlama = std::filesystem::path(test_paths::kData) / "decoder" / "llama";

MlxFormat mlx_format_of(std::size_t matrix) {
  constexpr std::array<unsigned, 6> kBits = {4, 8, 2, 3, 6, 5};
  constexpr std::array<std::size_t, 2> kGroups = {32, 16};
  return {kBits.at(matrix % 6), kGroups.at(matrix / 6 % 2)};
}

class QuantizedByMlx : public testing::Test {
 protected:
  std::string open() {
    quantized_.write(folder_.path());
    return folder_.path().string();
  }
  std::string error() {
    return error_of([&] { Model::open(open()); });
  }

  TempFolder folder_;
  MlxFolder quantized_{kLlama, mlx_format_of};
};

TEST_F(QuantizedByMlx, HasTheValuesOfItsNumbersScalesAndBiases) {
  const Model model = Model::open(open());
  const Weights weights = model.weights();
  std::map<std::string, const ib_tensor*> by_name;
  for (const ib_tensor& tensor : weights.tensors()) by_name[tensor.name] = &tensor;
  const std::map<std::string, std::string> names = {{"model.embed_tokens.weight", "token_embedding.weight"},
                                                    {"lm_head.weight", "head.weight"}};
  const std::map<std::string, std::string> parts = {{"self_attn.q_proj", "attn_q"}, {"self_attn.k_proj", "attn_k"},
                                                    {"self_attn.v_proj", "attn_v"}, {"self_attn.o_proj", "attn_out"},
                                                    {"mlp.gate_proj", "mlp_gate"},  {"mlp.up_proj", "mlp_up"},
                                                    {"mlp.down_proj", "mlp_down"}};
  ASSERT_GE(quantized_.values().size(), 12U);
  for (const auto& [stored, values] : quantized_.values()) {
    std::string name;
    if (names.contains(stored)) {
      name = names.at(stored);
    } else {
      const std::string layer = stored.substr(std::string("model.layers.").size(), 1);
      const std::string part = stored.substr(std::string("model.layers.0.").size());
      name = "layer." + layer + "." + parts.at(part.substr(0, part.size() - 7)) + ".weight";
    }
    ASSERT_TRUE(by_name.contains(name)) << name;
    const ib_tensor& tensor = *by_name.at(name);
    ASSERT_EQ(tensor.dtype, IB_DTYPE_F32) << name;
    ASSERT_EQ(static_cast<std::size_t>(tensor.shape[0] * tensor.shape[1]), values.size()) << name;
    EXPECT_EQ(std::vector<float>(static_cast<const float*>(tensor.data),
                                 static_cast<const float*>(tensor.data) + values.size()),
              values)
        << name;
  }
}

TEST_F(QuantizedByMlx, PartsThatDoNotFitAreNamed) {
  const std::string stem = "model.layers.0.mlp.up_proj";
  MlxFolder::Tensor& scales = quantized_.tensor(stem + ".scales");
  const MlxFolder::Tensor good_scales = scales;
  scales.head.shape = {scales.head.shape[0] / 2, scales.head.shape[1] * 2};
  EXPECT_THAT(error(), HasSubstr("'model.layers.0.mlp.up_proj.scales': shape [80, "));
  scales = good_scales;
  quantized_.tensor(stem + ".biases").head.dtype = "F16";
  EXPECT_THAT(error(), HasSubstr("up_proj.biases': shape or dtype differs from that of the scales"));
  quantized_.tensor(stem + ".biases").head.dtype = "BF16";
  quantized_.tensor(stem + ".weight").head.dtype = "I32";
  EXPECT_THAT(error(), HasSubstr("up_proj.weight': dtype I32, but packed weights are U32"));
  quantized_.tensor(stem + ".weight").head.dtype = "U32";
  MlxFolder::Tensor& weight = quantized_.tensor(stem + ".weight");
  weight.head.shape[1] = 7;
  weight.data.resize(160 * 7 * 4);
  EXPECT_THAT(error(), HasSubstr("shape [160, 7] does not hold rows of 64 values of 2, 3, 4, 5, 6 or 8 bits"));
  quantized_.remove(stem + ".biases");
  EXPECT_THAT(error(), HasSubstr("up_proj.scales': a quantized checkpoint, which is not supported"));
}

}  // namespace
}  // namespace inferbench
