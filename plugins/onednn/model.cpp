// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "inferbench/backend_values.hpp"

namespace inferbench::onednn {
namespace {

/// Reads and packs tensor after tensor; after each it reports progress and asks the host whether to go on.
class Loader {
 public:
  Loader(Context& context, const ib_model_desc& desc, Precision precision)
      : context_(context), tensors_(desc), n_tensors_(desc.n_tensors), precision_(precision) {}

  std::vector<float> take(const std::string& name, std::initializer_list<std::int64_t> shape) {
    const ib_tensor& tensor = tensors_.get(name, shape);
    std::int64_t n = 1;
    for (const std::int64_t extent : shape) n *= extent;
    std::vector<float> values(static_cast<std::size_t>(n));
    read_values(tensor, 0, n, values.data());
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
  Linear linear(const std::string& name, std::int64_t inputs, std::int64_t outputs) {
    const std::vector<float> weight = take(name + ".weight", {inputs, outputs});
    return pack_linear(context_.engine, context_.stream, precision_, inputs, outputs, weight, false,
                       take(name + ".bias", {outputs}));
  }
  Linear head(const std::vector<float>& rows, std::int64_t vocab, std::int64_t width) {
    return pack_linear(context_.engine, context_.stream, precision_, width, vocab, rows, true, {});
  }

 private:
  Context& context_;
  TensorMap tensors_;
  std::uint64_t n_tensors_;
  std::uint64_t n_taken_ = 0;
  Precision precision_;
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

Precision precision_of(std::string_view name) {
  if (name == "fp32") return Precision::kFp32;
  if (name == "int8") return Precision::kInt8;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is unknown; there are 'fp32' and 'int8'");
}

std::uint64_t bytes_of(const LayerNorm& norm) {
  return (norm.weight.size() + norm.bias.size()) * sizeof(float);
}

}  // namespace

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
  Loader loader(context, *params.desc, precision);
  wte = loader.take("wte.weight", {vocab, width});
  wpe = loader.take("wpe.weight", {n_positions, width});
  std::uint64_t step_bytes = 0;
  for (std::int32_t i = 0; i < params.desc->n_layers; ++i) {
    const Layer& layer = layers.emplace_back(load_layer(loader, "h." + std::to_string(i) + ".", width, inner));
    step_bytes += bytes_of(layer.ln_1) + bytes_of(layer.ln_2) + layer.c_attn.bytes() + layer.attn_c_proj.bytes() +
                  layer.c_fc.bytes() + layer.mlp_c_proj.bytes();
  }
  ln_f = loader.layer_norm("ln_f", width);
  head = loader.head(params.desc->tied_head != 0 ? wte : loader.take("lm_head.weight", {vocab, width}), vocab, width);
  step_bytes += bytes_of(ln_f) + head.bytes() + 2 * static_cast<std::uint64_t>(width) * sizeof(float);

  info_.struct_size = sizeof info_;
  info_.weights_bytes = step_bytes + (wte.size() + wpe.size()) * sizeof(float);
  info_.decode_weights_bytes = step_bytes;
  info_.device = "cpu";
  info_.kernels = "oneDNN";
}

float Model::attention_scale(std::size_t layer) const {
  double scale = scale_attn_weights_ ? 1 / std::sqrt(static_cast<double>(width / n_heads)) : 1;
  if (scale_attn_by_inverse_layer_) scale /= static_cast<double>(layer + 1);
  return static_cast<float>(scale);
}

}  // namespace inferbench::onednn
