// SPDX-License-Identifier: Apache-2.0
//
// write_checkpoint MODEL FOLDER: saves a model, such as synthetic:gpt2, as a Hugging Face folder (F32), so that
// loading from files can be measured.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "model/safetensors_writer.hpp"
#include "support/error.hpp"

namespace inferbench::bench {
namespace {

nlohmann::ordered_json config_json(const ModelConfig& config) {
  static constexpr const char* kActivations[] = {"gelu_new", "gelu", "relu"};
  return {{"model_type", "gpt2"},
          {"n_layer", config.n_layers},
          {"n_head", config.n_heads},
          {"n_embd", config.width},
          {"n_inner", config.inner},
          {"n_positions", config.context},
          {"vocab_size", config.vocab},
          {"activation_function", kActivations[config.activation]},
          {"scale_attn_weights", config.scale_attn_weights},
          {"scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer},
          {"tie_word_embeddings", config.tied_head},
          {"layer_norm_epsilon", config.layer_norm_epsilon}};
}

void write_checkpoint(const std::string& reference, const std::filesystem::path& folder) {
  const Model model = Model::open(reference);
  const Weights weights = model.weights();
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "config.json") << config_json(model.config()).dump(2) << '\n';
  std::vector<SafetensorsWriter::Tensor> announced;
  for (const ib_tensor& tensor : weights.tensors()) {
    if (tensor.dtype != IB_DTYPE_F32) throw Error(std::string(tensor.name) + " is not F32", "give a model in F32");
    announced.push_back({tensor.name, "F32", {tensor.shape, tensor.shape + tensor.rank}});
  }
  SafetensorsWriter writer(folder / "model.safetensors", announced);
  for (const ib_tensor& tensor : weights.tensors()) {
    writer.write(std::span(static_cast<const float*>(tensor.data), tensor.n_bytes / sizeof(float)));
  }
  writer.finish();
}

}  // namespace
}  // namespace inferbench::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: write_checkpoint MODEL FOLDER\n");
    return 2;
  }
  try {
    inferbench::bench::write_checkpoint(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "write_checkpoint: %s\n", error.what());
    return 2;
  }
}
