// SPDX-License-Identifier: Apache-2.0
#include "reference/decoder.hpp"

#include <cstddef>
#include <utility>

#include "inferbench/decoder.hpp"
#include "reference/layer.hpp"

namespace inferbench::reference {

Decoder::Decoder(const ib_model_desc& desc) : desc_(desc), layers_(desc.layers, desc.layers + desc.n_layers) {
  if (const std::int32_t tables = desc.n_rotary_tables; tables > 0) {
    scales_.assign(desc.rotary_scales, desc.rotary_scales + tables);
    frequencies_.assign(desc.rotary_frequencies,
                        desc.rotary_frequencies + std::ptrdiff_t{tables} * (desc.head_dim / 2));
  }
  desc_.layers = layers_.data();
  desc_.rotary_frequencies = frequencies_.data();
  desc_.rotary_scales = scales_.data();
  desc_.tensors = nullptr;
  desc_.n_tensors = 0;
  for (std::uint64_t i = 0; i < desc.n_tensors; ++i) tensors_[desc.tensors[i].name] = values_of(desc.tensors[i]);
}

Values Decoder::embed(std::span<const std::int32_t> tokens) const {
  const Values& embedding = weight("token_embedding.weight");
  const auto hidden = static_cast<std::size_t>(desc_.hidden_size);
  Values x(tokens.size() * hidden);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const auto token = static_cast<std::size_t>(tokens[t]);
    for (std::size_t i = 0; i < hidden; ++i) x[t * hidden + i] = desc_.embedding_scale * embedding[token * hidden + i];
  }
  if (desc_.learned_positions != 0) {
    const Values& positions = weight("position_embedding.weight");
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += positions[i];
  }
  return x;
}

Values Decoder::logits(std::span<const std::int32_t> tokens) const {
  Values x = embed(tokens);
  for (std::int32_t i = 0; i < desc_.n_layers; ++i) {
    const Layer layer(desc_, i, [this, i](const std::string& name) -> const Values& {
      return weight(decoder::layer_tensor_name(i, name));
    });
    x = layer.apply(std::move(x));
  }
  const Layer outside(desc_, 0, [this](const std::string& name) -> const Values& { return weight(name); });
  x = outside.norm(x, "final_norm");
  const Values& head = weight(desc_.tied_head != 0 ? "token_embedding.weight" : "head.weight");
  Values result = linear(x, head, static_cast<std::size_t>(desc_.hidden_size));
  soft_cap(result, desc_.logit_soft_cap);
  return result;
}

}  // namespace inferbench::reference
