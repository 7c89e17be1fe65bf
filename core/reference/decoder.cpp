// SPDX-License-Identifier: Apache-2.0
#include "reference/decoder.hpp"

#include <cmath>
#include <utility>

namespace inferbench::reference {

double attention_scale(const ib_model_desc& desc, std::int32_t layer) {
  const auto head_width = desc.width / desc.n_heads;
  const double scale = desc.scale_attn_weights != 0 ? 1 / std::sqrt(static_cast<double>(head_width)) : 1;
  return desc.scale_attn_by_inverse_layer != 0 ? scale / static_cast<double>(layer + 1) : scale;
}

Decoder::Decoder(const ib_model_desc& desc) : shape_(desc), width_(static_cast<std::size_t>(desc.width)) {
  for (std::uint64_t i = 0; i < desc.n_tensors; ++i) tensors_[desc.tensors[i].name] = values_of(desc.tensors[i]);
}

Values Decoder::logits(std::span<const std::int32_t> tokens) const {
  const Values& embedding = weight("wte.weight");
  const Values& positions = weight("wpe.weight");
  Values x(tokens.size() * width_);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const auto token = static_cast<std::size_t>(tokens[t]);
    for (std::size_t i = 0; i < width_; ++i) {
      x[t * width_ + i] = embedding[token * width_ + i] + positions[t * width_ + i];
    }
  }
  for (std::int32_t i = 0; i < shape_.n_layers; ++i) {
    const std::string prefix = "h." + std::to_string(i) + ".";
    x = layer(std::move(x), [&](const std::string& name) -> const Values& { return weight(prefix + name); },
              {static_cast<std::size_t>(shape_.n_heads), shape_.activation, shape_.layer_norm_epsilon,
               attention_scale(shape_, i)});
  }
  x = layer_norm(x, weight("ln_f.weight"), weight("ln_f.bias"), shape_.layer_norm_epsilon);
  const Values& head = weight(shape_.tied_head != 0 ? "wte.weight" : "lm_head.weight");
  const auto vocab = static_cast<std::size_t>(shape_.vocab);
  Values result(tokens.size() * vocab);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    for (std::size_t id = 0; id < vocab; ++id) {
      for (std::size_t i = 0; i < width_; ++i) result[t * vocab + id] += x[t * width_ + i] * head[id * width_ + i];
    }
  }
  return result;
}

}  // namespace inferbench::reference
