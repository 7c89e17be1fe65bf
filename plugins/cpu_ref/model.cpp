// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <string>
#include <string_view>

#include "isa.hpp"
#include "load.hpp"
#include "parts.hpp"

namespace inferbench::cpu_ref {
namespace {

// Lays all weights out in the order that forward reads them; returns how many floats they take.
std::int64_t lay_out(Model& model, float* base) {
  const Shape& shape = model.shape;
  Parts parts(base);
  for (Layer& layer : model.layers) lay_out_layer(parts, shape, kAllParts, layer);
  model.final_norm = parts.norm(shape);
  model.head = parts.matrix(shape.hidden_size, shape.vocab_size);
  if (!shape.tied_head) model.own_embedding = parts.vector(shape.vocab_size * shape.hidden_size);
  if (shape.learned_positions) model.position_embedding = parts.vector(shape.max_positions * shape.hidden_size);
  return parts.n_floats();
}

void load_all(Loader& load, const Model& model) {
  const Shape& shape = model.shape;
  for (std::int32_t i = 0; i < shape.n_layers; ++i) {
    load_layer(load, shape, kAllParts, i, model.layers[static_cast<std::size_t>(i)]);
  }
  load.norm("final_norm", shape.hidden_size, model.final_norm);
  if (shape.learned_positions) {
    load.table("position_embedding.weight", shape.max_positions, shape.hidden_size, model.position_embedding);
  }
  load.pack(shape.tied_head ? "token_embedding.weight" : "head.weight", model.head, 0, shape.vocab_size);
  if (!shape.tied_head) {
    load.table("token_embedding.weight", shape.vocab_size, shape.hidden_size, model.own_embedding);
  }
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

Context::Context(const ib_init_params& params) : host(params.host), pool(params.n_threads) {}

Model::Model(Context& the_context, const Kernels* kernels, const Shape& the_shape, const ib_model_desc& desc)
    : context(&the_context), engine{&the_context.pool, kernels}, shape(the_shape), rotary(desc) {}

Model::Model(Context& the_context, const ib_model_params& params)
    : Model(the_context, kernels_for(params.precision, OptionReader(params)), shape_of(*params.desc), *params.desc) {
  const ib_model_desc& desc = *params.desc;
  layers.resize(static_cast<std::size_t>(desc.n_layers));
  for (std::int32_t i = 0; i < desc.n_layers; ++i) describe_layer(desc, i, layers[static_cast<std::size_t>(i)]);
  const std::int64_t n_floats = lay_out(*this, nullptr);
  storage = Buffer(n_floats);
  lay_out(*this, storage.data());
  Loader load(desc.tensors, desc.n_tensors, context->pool, context->host);
  load_all(load, *this);

  // One decode step reads everything but the embedding tables, of which it reads a row each.
  const std::int64_t positions = shape.learned_positions ? shape.max_positions : 0;
  const std::int64_t tables = ((shape.tied_head ? 0 : shape.vocab_size) + positions) * shape.hidden_size;
  const std::int64_t read = n_floats - tables + (shape.learned_positions ? 2 : 1) * shape.hidden_size;
  info_.struct_size = sizeof(ib_model_info);
  info_.weights_bytes = static_cast<std::uint64_t>(storage.n_bytes());
  info_.decode_weights_bytes = static_cast<std::uint64_t>(read) * sizeof(float);
  info_.device = "cpu";
  info_.kernels = engine.kernels->name;
}

}  // namespace inferbench::cpu_ref
