// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <cmath>
#include <string>
#include <string_view>

#include "loader.hpp"

namespace inferbench::onednn {
Precision precision_of(std::string_view name) {
  if (name == "fp32") return Precision::kFp32;
  if (name == "int8") return Precision::kInt8;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is unknown; there are 'fp32' and 'int8'");
}

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context),
      precision(precision_of(params.precision)),
      n_heads(params.desc->n_heads),
      width(params.desc->width),
      inner(params.desc->inner),
      n_positions(params.desc->context),
      vocab(params.desc->vocab),
      activation(params.desc->activation),
      epsilon(static_cast<float>(params.desc->layer_norm_epsilon)),
      scale_attn_weights_(params.desc->scale_attn_weights != 0),
      scale_attn_by_inverse_layer_(params.desc->scale_attn_by_inverse_layer != 0) {
  if (activation < IB_ACTIVATION_GELU_TANH || activation > IB_ACTIVATION_RELU) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(activation));
  }
  context.use_threads();
  Loader loader(context, params.desc->tensors, params.desc->n_tensors, precision);
  wte = loader.take("wte.weight", {vocab, width});
  wpe = loader.take("wpe.weight", {n_positions, width});
  std::uint64_t step_bytes = 0;
  for (std::int32_t i = 0; i < params.desc->n_layers; ++i) {
    step_bytes += layers.emplace_back(loader.layer("h." + std::to_string(i) + ".", width, inner)).bytes();
  }
  ln_f = loader.layer_norm("ln_f.", width);
  head = loader.head(params.desc->tied_head != 0 ? wte : loader.take("lm_head.weight", {vocab, width}), vocab, width);
  step_bytes += ln_f.bytes() + head.bytes() + 2 * static_cast<std::uint64_t>(width) * sizeof(float);

  info_.struct_size = sizeof info_;
  info_.weights_bytes = step_bytes + (wte.size() + wpe.size()) * sizeof(float);
  info_.decode_weights_bytes = step_bytes;
  info_.device = "cpu";
  info_.kernels = "oneDNN";
}

std::uint64_t Layer::bytes() const {
  return ln_1.bytes() + ln_2.bytes() + c_attn.bytes() + attn_c_proj.bytes() + c_fc.bytes() + mlp_c_proj.bytes();
}

float Model::attention_scale(std::size_t layer) const {
  const auto head_width = width / n_heads;
  double scale = scale_attn_weights_ ? 1 / std::sqrt(static_cast<double>(head_width)) : 1;
  if (scale_attn_by_inverse_layer_) scale /= static_cast<double>(layer + 1);
  return static_cast<float>(scale);
}

}  // namespace inferbench::onednn
