// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <string>

#include "loader.hpp"
#include "torch_call.hpp"

namespace inferbench::torch_backend {

ib_model_desc numbers_of(const ib_model_desc& desc) {
  if (desc.norm != IB_NORM_LAYER && desc.norm != IB_NORM_RMS) {
    throw Failure(IB_UNSUPPORTED, "unknown norm " + std::to_string(desc.norm));
  }
  if (decoder::activation_feature(desc.activation) == 0) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(desc.activation));
  }
  ib_model_desc numbers = desc;
  numbers.layers = nullptr;
  numbers.rotary_frequencies = numbers.rotary_scales = nullptr;
  numbers.tensors = nullptr;
  numbers.n_tensors = 0;
  return numbers;
}

Model::Model(Context& the_context, const ib_model_params& params)
    : context(the_context), desc(numbers_of(*params.desc)) {
  check_model_params(params, kFeatures);
  context.use_threads();
  in_torch([&] { load(params); });
}

void Model::load(const ib_model_params& params) {
  const bool int8 = is_int8(params.precision);
  const bool is_tied = desc.tied_head != 0;
  const std::int64_t hidden = desc.hidden_size;
  Loader loader(context, *params.desc, int8);
  rotary_tables = RotaryTables(*params.desc);
  token_embedding = loader.matrix("token_embedding", desc.vocab_size, hidden);
  if (desc.learned_positions != 0) {
    position_embedding = loader.matrix("position_embedding", desc.max_positions, hidden);
  }
  std::uint64_t step_bytes = 0;
  for (std::int32_t i = 0; i < desc.n_layers; ++i) step_bytes += layers.emplace_back(loader.layer(i)).bytes();
  final_norm = loader.norm("final_norm");
  head = is_tied ? loader.pack(token_embedding, {}) : loader.linear({{"head", desc.vocab_size}}, hidden, false);
  const std::uint64_t n_embeddings = desc.learned_positions != 0 ? 2 : 1;
  step_bytes += final_norm.bytes() + head->bytes() + n_embeddings * static_cast<std::uint64_t>(hidden) * sizeof(float);

  const bool is_shared = is_tied && !int8;
  info_.struct_size = sizeof info_;
  info_.weights_bytes = step_bytes + (position_embedding.defined() ? position_embedding.nbytes() : 0) +
                        (is_shared ? 0 : token_embedding.nbytes());
  info_.decode_weights_bytes = step_bytes;
  info_.device = "cpu";
  info_.kernels = kKernels;
}

}  // namespace inferbench::torch_backend
