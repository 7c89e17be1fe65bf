// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <unordered_map>

#include "inferbench/decoder.hpp"
#include "inferbench/gguf_names.hpp"
#include "model/families/families.hpp"
#include "model/gguf/gguf_weights.hpp"
#include "model/in_quotes.hpp"
#include "model/safetensors_layout.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

// "attn_q.weight" of "layer.3.attn_q.weight"
std::string_view without_layer(const decoder::TensorSpec& spec) {
  std::string_view rest = spec.name;
  if (spec.layer >= 0) rest.remove_prefix(decoder::layer_tensor_name(spec.layer, "").size());
  return rest;
}

// GPT-2's query, key and value, one after another, in one tensor.
bool is_fused(const decoder::TensorSpec& spec, const ModelConfig& config) {
  if (config.model_type != "gpt2") return false;
  const std::string_view rest = without_layer(spec);
  return rest.starts_with("attn_q.") || rest.starts_with("attn_k.") || rest.starts_with("attn_v.");
}

void add_fused(std::vector<StoredTensor>& list, decoder::TensorSpec& spec) {
  const std::string_view rest = without_layer(spec);
  const std::string name = fmt::format("blk.{}.attn_qkv{}", spec.layer, rest.substr(rest.rfind('.')));
  if (rest.starts_with("attn_q.")) {
    list.push_back({name, {3 * spec.shape[0]}, spec.role, {}});
    if (spec.rank == 2) list.back().shape.push_back(spec.shape[1]);
  }
  // Queries come before keys and values in the list of specs.
  const auto fused =
      std::find_if(list.rbegin(), list.rend(), [&](const StoredTensor& one) { return one.name == name; });
  if (fused == list.rend()) throw std::logic_error(fmt::format("{} comes before its query", spec.name));
  const std::int64_t inputs = spec.rank == 2 ? spec.shape[1] : 1;
  TensorView view{std::move(spec.name), 0, spec.rank, spec.shape, {inputs, spec.rank == 2 ? 1 : 0}};
  view.offset = static_cast<std::int64_t>(fused->views.size()) * view.shape[0] * inputs;
  fused->views.push_back(std::move(view));
}

void check_gguf_shape(const GgufFile& file, const GgufTensor& tensor, const StoredTensor& stored) {
  const std::vector<std::uint64_t> wanted(stored.shape.begin(), stored.shape.end());
  if (tensor.shape != wanted) {
    throw Error(fmt::format("{}: tensor {}: shape {}, but the metadata require {}", file.path().string(),
                            in_quotes(tensor.name), shape_text(tensor.shape), shape_text(wanted)),
                "the file is damaged, or its metadata were edited; fetch it again");
  }
  if (wanted.size() == 1 && tensor.type->dequantize != nullptr) {
    throw Error(fmt::format("{}: tensor {}: a vector in {} is not supported", file.path().string(),
                            in_quotes(tensor.name), tensor.type->name),
                "quantize the matrices only, as llama.cpp's llama-quantize does");
  }
}

// Tables that follow from the metadata.
bool is_unused_in_gguf(std::string_view name) {
  return name == "rope_freqs.weight" || name.ends_with(".attn_rot_embd.weight");
}

}  // namespace

std::vector<StoredTensor> gguf_tensors(const ModelConfig& config) {
  std::vector<StoredTensor> list;
  for (decoder::TensorSpec& spec : decoder::tensors(model_desc(config))) {
    if (is_fused(spec, config)) {
      add_fused(list, spec);
      continue;
    }
    StoredTensor stored{gguf_tensor_name(spec.name), {spec.shape[0]}, spec.role, {}};
    if (spec.rank == 2) stored.shape.push_back(spec.shape[1]);
    stored.views.push_back(
        {std::move(spec.name), 0, spec.rank, spec.shape,
         spec.rank == 2 ? std::array{spec.shape[1], std::int64_t{1}} : std::array{std::int64_t{1}, std::int64_t{0}}});
    list.push_back(std::move(stored));
  }
  return list;
}

void check_gguf_tensors(const GgufFile& file, const ModelConfig& config) {
  std::unordered_map<std::string_view, const GgufTensor*> left;
  for (const GgufTensor& tensor : file.tensors()) left.emplace(tensor.name, &tensor);
  for (const StoredTensor& stored : gguf_tensors(config)) {
    const auto found = left.find(stored.name);
    if (found == left.end()) {
      throw Error(fmt::format("{}: tensor {} is missing", file.path().string(), in_quotes(stored.name)),
                  "the metadata require it; fetch the file again");
    }
    check_gguf_shape(file, *found->second, stored);
    left.erase(found);
  }
  for (const auto& [name, tensor] : left) {
    if (is_unused_in_gguf(name)) continue;
    throw Error(fmt::format("{}: tensor {} is not part of a {} model with {}", file.path().string(), in_quotes(name),
                            family_of(config).name, counted(config.n_layers, "layer")),
                fmt::format("the model is more than a plain {}", family_of(config).name));
  }
}

}  // namespace inferbench
