// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <cmath>
#include <string>

#include "loader.hpp"
#include "torch_call.hpp"

namespace inferbench::torch_backend {

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context),
      n_heads(params.desc->n_heads),
      width(params.desc->width),
      inner(params.desc->inner),
      n_positions(params.desc->context),
      vocab(params.desc->vocab),
      settings{params.desc->activation, params.desc->layer_norm_epsilon},
      scale_attn_weights_(params.desc->scale_attn_weights != 0),
      scale_attn_by_inverse_layer_(params.desc->scale_attn_by_inverse_layer != 0) {
  if (settings.activation < IB_ACTIVATION_GELU_TANH || settings.activation > IB_ACTIVATION_RELU) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(settings.activation));
  }
  context.use_threads();
  in_torch([&] { load(params); });
}

void Model::load(const ib_model_params& params) {
  const bool int8 = is_int8(params.precision);
  const bool is_tied = params.desc->tied_head != 0;
  Loader loader(context, params.desc->tensors, params.desc->n_tensors, int8);
  wte = loader.take("wte.weight", {vocab, width});
  wpe = loader.take("wpe.weight", {n_positions, width});
  std::uint64_t step_bytes = 0;
  for (std::int32_t i = 0; i < params.desc->n_layers; ++i) {
    step_bytes += layers.emplace_back(loader.layer("h." + std::to_string(i) + ".", width, inner)).bytes();
  }
  ln_f = loader.layer_norm("ln_f.", width);
  head = loader.pack(is_tied ? wte : loader.take("lm_head.weight", {vocab, width}), {});
  step_bytes += ln_f.bytes() + head->bytes() + 2 * static_cast<std::uint64_t>(width) * sizeof(float);

  const bool is_shared = is_tied && !int8;
  info_.struct_size = sizeof info_;
  info_.weights_bytes = step_bytes + wpe.nbytes() + (is_shared ? 0 : wte.nbytes());
  info_.decode_weights_bytes = step_bytes;
  info_.device = "cpu";
  info_.kernels = kKernels;
}

double Model::attention_scale(std::size_t layer) const {
  const auto head_width = width / n_heads;
  double scale = scale_attn_weights_ ? 1 / std::sqrt(static_cast<double>(head_width)) : 1;
  if (scale_attn_by_inverse_layer_) scale /= static_cast<double>(layer + 1);
  return scale;
}

}  // namespace inferbench::torch_backend
