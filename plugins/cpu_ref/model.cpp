// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <cmath>
#include <string>
#include <string_view>

#include "isa.hpp"
#include "load.hpp"
#include "parts.hpp"

namespace inferbench::cpu_ref {
namespace {

Shape shape_of(const ib_model_desc& desc) {
  if (desc.activation < IB_ACTIVATION_GELU_TANH || desc.activation > IB_ACTIVATION_RELU) {
    throw Failure(IB_UNSUPPORTED, "unknown activation code " + std::to_string(desc.activation));
  }
  Shape shape;
  shape.n_layers = desc.n_layers;
  shape.n_heads = desc.n_heads;
  shape.width = desc.width;
  shape.head_width = desc.width / desc.n_heads;
  shape.inner = desc.inner;
  shape.context = desc.context;
  shape.vocab = desc.vocab;
  shape.activation = desc.activation;
  shape.scale_attn_weights = desc.scale_attn_weights != 0;
  shape.scale_attn_by_inverse_layer = desc.scale_attn_by_inverse_layer != 0;
  shape.epsilon = static_cast<float>(desc.layer_norm_epsilon);
  return shape;
}

// Lays all weights out in the order that forward reads them; returns how many floats they take.
std::int64_t lay_out(Model& model, bool tied, float* base) {
  const Shape& shape = model.shape;
  Parts parts(base);
  model.layers.resize(static_cast<std::size_t>(shape.n_layers));
  for (Layer& layer : model.layers) {
    layer.ln_1 = parts.norm(shape.width);
    layer.attn_in = parts.linear(shape.width, 3 * shape.width);
    layer.attn_out = parts.linear(shape.width, shape.width);
    layer.ln_2 = parts.norm(shape.width);
    layer.mlp_in = parts.linear(shape.width, shape.inner);
    layer.mlp_out = parts.linear(shape.inner, shape.width);
  }
  model.ln_f = parts.norm(shape.width);
  model.head = parts.matrix(shape.width, shape.vocab);
  model.own_embedding = tied ? nullptr : parts.vector(shape.vocab * shape.width);
  model.position_embedding = parts.vector(shape.context * shape.width);
  return parts.n_floats();
}

void load_layer(Loader& load, const std::string& prefix, const Shape& shape, const Layer& layer) {
  const auto norm = [&](const std::string& name, const Norm& to) {
    load.copy(prefix + name + ".weight", {shape.width}, to.weight);
    load.copy(prefix + name + ".bias", {shape.width}, to.bias);
  };
  const auto linear = [&](const std::string& name, const Linear& to) {
    load.pack(prefix + name + ".weight", to.weight, false);
    load.copy(prefix + name + ".bias", {to.weight.outputs}, to.bias);
  };
  norm("ln_1", layer.ln_1);
  linear("attn.c_attn", layer.attn_in);
  linear("attn.c_proj", layer.attn_out);
  norm("ln_2", layer.ln_2);
  linear("mlp.c_fc", layer.mlp_in);
  linear("mlp.c_proj", layer.mlp_out);
}

void load_all(Loader& load, const Model& model) {
  const Shape& shape = model.shape;
  for (std::int64_t i = 0; i < shape.n_layers; ++i) {
    load_layer(load, "h." + std::to_string(i) + ".", shape, model.layers[static_cast<std::size_t>(i)]);
  }
  load.copy("ln_f.weight", {shape.width}, model.ln_f.weight);
  load.copy("ln_f.bias", {shape.width}, model.ln_f.bias);
  load.copy("wpe.weight", {shape.context, shape.width}, model.position_embedding);
  const bool tied = model.own_embedding == nullptr;
  load.pack(tied ? "wte.weight" : "lm_head.weight", model.head, true);
  if (!tied) load.copy("wte.weight", {shape.vocab, shape.width}, model.own_embedding);
}

}  // namespace

const Kernels* kernels_for(std::string_view precision, const OptionReader& options) {
  if (precision != "fp32") {
    throw Failure(IB_UNSUPPORTED, "precision '" + std::string(precision) + "' is not offered; fp32 is");
  }
  const std::string_view isa = options.text("isa");
  const Kernels* kernels = find_kernels(isa);
  if (kernels == nullptr) {
    throw Failure(IB_UNSUPPORTED, "isa '" + std::string(isa) + "' is not one that this machine can run");
  }
  return kernels;
}

float Shape::attention_scale(std::int64_t layer) const {
  double scale = scale_attn_weights ? 1.0 / std::sqrt(static_cast<double>(head_width)) : 1.0;
  if (scale_attn_by_inverse_layer) scale /= static_cast<double>(layer + 1);
  return static_cast<float>(scale);
}

Context::Context(const ib_init_params& params) : host(params.host), pool(params.n_threads) {}

Model::Model(Context& the_context, const Kernels* kernels, const Shape& the_shape)
    : context(&the_context), engine{&the_context.pool, kernels}, shape(the_shape) {}

Model::Model(Context& the_context, const ib_model_params& params)
    : context(&the_context),
      engine{&the_context.pool, kernels_for(params.precision, OptionReader(params))},
      shape(shape_of(*params.desc)) {
  const bool tied = params.desc->tied_head != 0;
  storage = Buffer(lay_out(*this, tied, nullptr));
  const std::int64_t n_floats = lay_out(*this, tied, storage.data());
  Loader load(params.desc->tensors, params.desc->n_tensors, context->pool, context->host);
  load_all(load, *this);

  // One decode step reads everything but the embedding tables, of which it reads a row each.
  const std::int64_t tables = ((tied ? 0 : shape.vocab) + shape.context) * shape.width;
  const std::int64_t read = n_floats - tables + 2 * shape.width;
  info_.struct_size = sizeof(ib_model_info);
  info_.weights_bytes = static_cast<std::uint64_t>(storage.n_bytes());
  info_.decode_weights_bytes = static_cast<std::uint64_t>(read) * sizeof(float);
  info_.device = "cpu";
  info_.kernels = engine.kernels->name;
}

}  // namespace inferbench::cpu_ref
