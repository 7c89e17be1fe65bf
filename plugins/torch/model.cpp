// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/api/include/torch/version.h>

#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>

#include "inferbench/backend_values.hpp"
#include "quantized_linear.hpp"
#include "torch_call.hpp"

namespace inferbench::torch_backend {
namespace {

bool is_int8(std::string_view precision) {
  if (precision == "fp32") return false;
  if (precision == "int8" && has_int8()) return true;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(precision) + "' is unknown, or this libtorch lacks it");
}

/// Reads tensor after tensor; after each it reports progress and asks the host whether to go on.
class Loader {
 public:
  Loader(Context& context, const ib_model_desc& desc, bool int8)
      : context_(context), tensors_(desc), n_tensors_(desc.n_tensors), int8_(int8) {}

  at::Tensor take(const std::string& name, std::initializer_list<std::int64_t> shape) {
    const ib_tensor& tensor = tensors_.get(name, shape);
    at::Tensor values = at::empty(at::IntArrayRef(shape));
    read_values(tensor, 0, values.numel(), values.data_ptr<float>());
    context_.host.progress(static_cast<double>(++n_taken_) / static_cast<double>(n_tensors_));
    context_.host.throw_if_cancelled();
    return values;
  }
  LayerNorm layer_norm(const std::string& name, std::int64_t width) {
    LayerNorm norm;
    norm.weight = take(name + ".weight", {width});
    norm.bias = take(name + ".bias", {width});
    return norm;
  }
  std::unique_ptr<Linear> linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    const at::Tensor weight = take(name + ".weight", {inputs, outputs}).t();
    return pack(weight, take(name + ".bias", {outputs}));
  }
  std::unique_ptr<Linear> pack(const at::Tensor& weight, const at::Tensor& bias) const {
    return int8_ ? make_int8_linear(weight.contiguous(), bias) : make_fp32_linear(weight, bias);
  }

 private:
  Context& context_;
  TensorMap tensors_;
  std::uint64_t n_tensors_;
  std::uint64_t n_taken_ = 0;
  bool int8_;
};

Layer load_layer(Loader& loader, const std::string& prefix, std::int64_t width, std::int64_t inner) {
  Layer layer;
  layer.ln_1 = loader.layer_norm(prefix + "ln_1", width);
  layer.c_attn = loader.linear(prefix + "attn.c_attn", width, 3 * width);
  layer.attn_c_proj = loader.linear(prefix + "attn.c_proj", width, width);
  layer.ln_2 = loader.layer_norm(prefix + "ln_2", width);
  layer.c_fc = loader.linear(prefix + "mlp.c_fc", width, inner);
  layer.mlp_c_proj = loader.linear(prefix + "mlp.c_proj", inner, width);
  return layer;
}

std::uint64_t bytes_of(const LayerNorm& norm) {
  return norm.weight.nbytes() + norm.bias.nbytes();
}

}  // namespace

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context),
      n_heads(params.desc->n_heads),
      width(params.desc->width),
      inner(params.desc->inner),
      n_positions(params.desc->context),
      vocab(params.desc->vocab),
      activation(params.desc->activation),
      epsilon(params.desc->layer_norm_epsilon),
      scale_attn_weights_(params.desc->scale_attn_weights != 0),
      scale_attn_by_inverse_layer_(params.desc->scale_attn_by_inverse_layer != 0) {
  if (activation < IB_ACTIVATION_GELU_TANH || activation > IB_ACTIVATION_RELU) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(activation));
  }
  context.use_threads();
  in_torch([&] { load(params); });
}

void Model::load(const ib_model_params& params) {
  const bool int8 = is_int8(params.precision);
  const bool is_tied = params.desc->tied_head != 0;
  Loader loader(context, *params.desc, int8);
  wte = loader.take("wte.weight", {vocab, width});
  wpe = loader.take("wpe.weight", {n_positions, width});
  std::uint64_t step_bytes = 0;
  for (std::int32_t i = 0; i < params.desc->n_layers; ++i) {
    const Layer& layer = layers.emplace_back(load_layer(loader, "h." + std::to_string(i) + ".", width, inner));
    step_bytes += bytes_of(layer.ln_1) + bytes_of(layer.ln_2) + layer.c_attn->bytes() + layer.attn_c_proj->bytes() +
                  layer.c_fc->bytes() + layer.mlp_c_proj->bytes();
  }
  ln_f = loader.layer_norm("ln_f", width);
  head = loader.pack(is_tied ? wte : loader.take("lm_head.weight", {vocab, width}), {});
  step_bytes += bytes_of(ln_f) + head->bytes() + 2 * static_cast<std::uint64_t>(width) * sizeof(float);

  const bool is_shared = is_tied && !int8;
  info_.struct_size = sizeof info_;
  info_.weights_bytes = step_bytes + wpe.nbytes() + (is_shared ? 0 : wte.nbytes());
  info_.decode_weights_bytes = step_bytes;
  info_.device = "cpu";
  info_.kernels = "libtorch " TORCH_VERSION ", oneDNN";
}

double Model::attention_scale(std::size_t layer) const {
  double scale = scale_attn_weights_ ? 1 / std::sqrt(static_cast<double>(width / n_heads)) : 1;
  if (scale_attn_by_inverse_layer_) scale /= static_cast<double>(layer + 1);
  return scale;
}

}  // namespace inferbench::torch_backend
