// SPDX-License-Identifier: Apache-2.0
#include "engine/model_shape.hpp"

#include <string>

#include "inferbench/backend_failure.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench::cpu_quant {
namespace {

void check(const ib_model_desc& desc) {
  constexpr std::int64_t kMostColumns = 1 << 24;  // a few of them together stay an int32
  if (desc.hidden_size > kMostColumns || desc.intermediate_size > kMostColumns ||
      decoder::query_size(desc) > kMostColumns || desc.vocab_size > (1 << 30)) {
    throw Failure(IB_UNSUPPORTED,
                  "a hidden size, intermediate size or size of all heads above 2^24, or a vocabulary above 2^30");
  }
  if (desc.head_dim > 1024) throw Failure(IB_UNSUPPORTED, "head_dim above 1024");
  if (decoder::activation_feature(desc.activation) == 0) {
    throw Failure(IB_UNSUPPORTED, "activation " + std::to_string(desc.activation));
  }
  if (desc.norm != IB_NORM_LAYER && desc.norm != IB_NORM_RMS) {
    throw Failure(IB_UNSUPPORTED, "norm " + std::to_string(desc.norm));
  }
}

}  // namespace

ModelShape::ModelShape(const ib_model_desc& desc) : desc_(desc), layers_(desc.layers, desc.layers + desc.n_layers) {
  check(desc);
  if (desc.n_rotary_tables > 0) {
    const std::int64_t n = std::int64_t{desc.n_rotary_tables} * (desc.head_dim / 2);
    frequencies_.assign(desc.rotary_frequencies, desc.rotary_frequencies + n);
    scales_.assign(desc.rotary_scales, desc.rotary_scales + desc.n_rotary_tables);
  }
  desc_.layers = layers_.data();
  desc_.rotary_frequencies = frequencies_.data();
  desc_.rotary_scales = scales_.data();
  desc_.tensors = nullptr;
  desc_.n_tensors = 0;
}

ModelShape::ModelShape(const ib_op_desc& op) : ModelShape(*op.desc) {
  desc_.n_layers = op.n_copies;
  layers_.assign(static_cast<std::size_t>(op.n_copies), op.desc->layers[0]);
  desc_.layers = layers_.data();
}

}  // namespace inferbench::cpu_quant
