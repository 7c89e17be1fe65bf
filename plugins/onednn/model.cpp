// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <string>
#include <string_view>

#include "loader.hpp"
#include "product.hpp"

namespace inferbench::onednn {

ib_model_desc numbers_of(const ib_model_desc& desc) {
  ib_model_desc numbers = desc;
  numbers.layers = nullptr;
  numbers.rotary_frequencies = numbers.rotary_scales = nullptr;
  numbers.tensors = nullptr;
  numbers.n_tensors = 0;
  return numbers;
}

Precision precision_of(std::string_view name) {
  if (name == "fp32") return Precision::kFp32;
  if (name == "int8") return Precision::kInt8;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is unknown; there are 'fp32' and 'int8'");
}

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context),
      precision(precision_of(params.precision)),
      desc(numbers_of(*params.desc)),
      rotary_tables(*params.desc) {
  check_model_params(params, kFeatures);
  activation_step(desc.activation);
  check_norm(desc.norm);
  context.use_threads();
  load(*params.desc);
}

void Model::load(const ib_model_desc& from) {
  Loader loader(context, from, precision);
  const std::int64_t hidden = desc.hidden_size;
  token_embedding = loader.matrix("token_embedding", desc.vocab_size, hidden);
  if (desc.learned_positions != 0) {
    position_embedding = loader.matrix("position_embedding", desc.max_positions, hidden);
  }
  std::uint64_t step_bytes = 0;
  for (std::int32_t i = 0; i < desc.n_layers; ++i) step_bytes += layers.emplace_back(loader.layer(i)).bytes();
  final_norm = loader.norm("final_norm");
  head = loader.linear({{desc.tied_head != 0 ? "token_embedding" : "head", desc.vocab_size}}, hidden, false);
  const std::uint64_t n_embeddings = desc.learned_positions != 0 ? 2 : 1;
  step_bytes += final_norm.bytes() + head.bytes() + n_embeddings * static_cast<std::uint64_t>(hidden) * sizeof(float);

  info_.struct_size = sizeof info_;
  info_.weights_bytes = step_bytes + (token_embedding.size() + position_embedding.size()) * sizeof(float);
  info_.decode_weights_bytes = step_bytes;
  info_.device = "cpu";
  info_.kernels = "oneDNN";
}

std::uint64_t Layer::bytes() const {
  return attn_norm.bytes() + attn_qkv.bytes() + (q_norm.size() + k_norm.size()) * sizeof(float) + attn_out.bytes() +
         mlp_norm.bytes() + mlp_gate.bytes() + mlp_up.bytes() + mlp_down.bytes();
}

}  // namespace inferbench::onednn
