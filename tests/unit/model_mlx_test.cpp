// SPDX-License-Identifier: Apache-2.0
// Folders that MLX has quantized: every number of bits, groups that differ by layer, and tensors that do not fit.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "inferbench/backend_values.hpp"
#include "model/model.hpp"
#include "model/safetensors_file.hpp"
#include "model/safetensors_writer.hpp"
#include "model_test_support.hpp"
#include "support/files.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using model_test::error_of;
using model_test::TempFolder;
using model_test::write_file;
using testing::HasSubstr;

const std::filesystem::path kLlama = std::filesystem::path(test_paths::kData) / "decoder" / "llama";

struct Output {
  SafetensorsWriter::Tensor head;
  std::string data;
};

template <typename Number>
std::string raw(const std::vector<Number>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number)};
}

/// A matrix quantized by the definition, and the values that it then has.
struct Quantized {
  std::vector<Output> tensors;
  std::vector<float> values;
};

std::uint16_t bf16_of(float value) {
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16U);
}

Quantized quantize(const std::string& name, const std::vector<float>& weights, std::size_t rows, unsigned bits,
                   std::size_t group) {
  Quantized result;
  std::vector<std::uint16_t> scales;
  std::vector<std::uint16_t> biases;
  std::vector<std::uint32_t> packed(weights.size() * bits / 32);
  for (std::size_t begin = 0; begin < weights.size(); begin += group) {
    const auto [least, most] = std::minmax_element(weights.data() + begin, weights.data() + begin + group);
    const float levels = static_cast<float>((1U << bits) - 1);
    scales.push_back(bf16_of((*most - *least) / levels));
    biases.push_back(bf16_of(*least));
    const float scale = float_of_bf16(scales.back());
    const float bias = float_of_bf16(biases.back());
    for (std::size_t i = begin; i < begin + group; ++i) {
      const auto q = static_cast<std::uint32_t>(std::clamp(std::round((weights[i] - bias) / scale), 0.0F, levels));
      for (unsigned b = 0; b < bits; ++b) {
        const std::size_t bit = i * bits + b;
        packed[bit / 32] |= (q >> b & 1U) << (bit % 32);
      }
      result.values.push_back(scale * static_cast<float>(q) + bias);
    }
  }
  const std::uint64_t n = weights.size() / rows;
  result.tensors = {{{name + ".weight", "U32", {rows, n * bits / 32}}, raw(packed)},
                    {{name + ".scales", "BF16", {rows, n / group}}, raw(scales)},
                    {{name + ".biases", "BF16", {rows, n / group}}, raw(biases)}};
  return result;
}

class MlxFolder : public testing::Test {
 protected:
  MlxFolder() {
    auto config = nlohmann::json::parse(read_file(kLlama / "config.json"));
    config["quantization"] = {{"group_size", 32}, {"bits", 4}};
    config["quantization_config"] = config["quantization"];
    write_file(folder_.path() / "config.json", config.dump());
    const SafetensorsFile source = SafetensorsFile::open(kLlama / "model.safetensors");
    constexpr std::array<unsigned, 6> kBits = {4, 8, 2, 3, 6, 5};
    constexpr std::array<std::size_t, 2> kGroups = {32, 16};
    std::size_t n_matrices = 0;
    for (const SafetensorsTensor& tensor : source.tensors()) {
      const std::vector<float> values = source.read_f32(tensor.name);
      if (tensor.shape.size() != 2) {
        outputs_.push_back({{tensor.name, "F32", tensor.shape}, raw(values)});
        continue;
      }
      const std::string stem = tensor.name.substr(0, tensor.name.size() - 7);
      const std::size_t i = n_matrices++;
      Quantized matrix = quantize(stem, values, tensor.shape[0], kBits.at(i % 6), kGroups.at(i / 6 % 2));
      values_[tensor.name] = std::move(matrix.values);
      for (Output& output : matrix.tensors) outputs_.push_back(std::move(output));
    }
    EXPECT_GE(n_matrices, 12U);
  }

  void write() const {
    std::vector<SafetensorsWriter::Tensor> heads;
    for (const Output& output : outputs_) heads.push_back(output.head);
    SafetensorsWriter writer(folder_.path() / "model.safetensors", heads);
    for (const Output& output : outputs_) writer.write_bytes(std::as_bytes(std::span(output.data)));
    writer.finish();
  }
  Output& output(const std::string& name) {
    for (Output& one : outputs_) {
      if (one.head.name == name) return one;
    }
    throw std::runtime_error("no tensor " + name);
  }
  std::string error() {
    write();
    return error_of([&] { Model::open(folder_.path().string()); });
  }

  TempFolder folder_;
  std::vector<Output> outputs_;
  std::map<std::string, std::vector<float>> values_;
};

TEST_F(MlxFolder, HasTheValuesOfItsNumbersScalesAndBiases) {
  write();
  const Model model = Model::open(folder_.path().string());
  const Weights weights = model.weights();
  std::map<std::string, const ib_tensor*> by_name;
  for (const ib_tensor& tensor : weights.tensors()) by_name[tensor.name] = &tensor;
  const std::map<std::string, std::string> names = {{"model.embed_tokens.weight", "token_embedding.weight"},
                                                    {"lm_head.weight", "head.weight"}};
  const std::map<std::string, std::string> parts = {{"self_attn.q_proj", "attn_q"}, {"self_attn.k_proj", "attn_k"},
                                                    {"self_attn.v_proj", "attn_v"}, {"self_attn.o_proj", "attn_out"},
                                                    {"mlp.gate_proj", "mlp_gate"},  {"mlp.up_proj", "mlp_up"},
                                                    {"mlp.down_proj", "mlp_down"}};
  for (const auto& [stored, values] : values_) {
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

TEST_F(MlxFolder, PartsThatDoNotFitAreNamed) {
  const std::string stem = "model.layers.0.mlp.up_proj";
  Output& scales = output(stem + ".scales");
  const Output good_scales = scales;
  scales.head.shape = {scales.head.shape[0] / 2, scales.head.shape[1] * 2};
  EXPECT_THAT(error(), HasSubstr("'model.layers.0.mlp.up_proj.scales': shape [80, "));
  scales = good_scales;
  output(stem + ".biases").head.dtype = "F16";
  EXPECT_THAT(error(), HasSubstr("up_proj.biases': shape or dtype differs from that of the scales"));
  output(stem + ".biases").head.dtype = "BF16";
  output(stem + ".weight").head.dtype = "I32";
  EXPECT_THAT(error(), HasSubstr("up_proj.weight': dtype I32, but packed weights are U32"));
  output(stem + ".weight").head.dtype = "U32";
  Output& weight = output(stem + ".weight");
  weight.head.shape[1] = 7;
  weight.data.resize(160 * 7 * 4);
  EXPECT_THAT(error(), HasSubstr("shape [160, 7] does not hold rows of 64 values of 2, 3, 4, 5, 6 or 8 bits"));
  std::erase_if(outputs_, [&](const Output& one) { return one.head.name == stem + ".biases"; });
  EXPECT_THAT(error(), HasSubstr("up_proj.scales': a quantized checkpoint, which is not supported"));
}

}  // namespace
}  // namespace inferbench
