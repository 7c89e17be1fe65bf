// SPDX-License-Identifier: Apache-2.0
// Which rows attention takes at once, and what they see.
#include <ATen/ATen.h>

#include <limits>

#include "attention.hpp"

namespace inferbench::torch_backend {
namespace {

constexpr float kHidden = -std::numeric_limits<float>::infinity();

}  // namespace

// libtorch's fused attention has no score matrix, and is fastest with the whole prompt.
std::int32_t segment_rows(const ib_model_desc& desc, std::int64_t max_tokens, c10::Device device) {
  if (!device.is_cpu() && desc.attention_soft_cap == 0) return INT32_MAX;
  return segment_rows_of_scores(desc.n_heads / desc.n_kv_heads * max_tokens);
}

at::Tensor causal_mask(const PassSegment& rows, std::int64_t window, const at::TensorOptions& options) {
  const KeyRange keys = seen_keys(rows, window);
  const std::int64_t first = rows.first_position - keys.begin;  // of the first row, within the range
  at::Tensor mask = at::full({rows.n_rows, keys.n}, kHidden, options).triu_(first + 1);
  if (window > 0 && keys.n > window) {
    mask.add_(at::full({rows.n_rows, keys.n}, kHidden, options).tril_(first - window));
  }
  return mask;
}

bool Segment::join(const PassSegment& next) {
  const bool follows = next.slot == slot + n_sequences_ && next.first_row == first_row + all_rows();
  if (!follows || next.n_rows != n_rows || next.first_position != first_position) return false;
  ++n_sequences_;
  return true;
}

const at::Tensor& Segment::mask(std::int64_t window, const at::TensorOptions& options) {
  at::Tensor& mask = masks_[window];
  if (!mask.defined()) mask = causal_mask(*this, window, options);
  return mask;
}

std::vector<Segment> segments_of(std::span<const PassSegment> segments, c10::Device device) {
  std::vector<Segment> joined;
  for (const PassSegment& segment : segments) {
    if (device.is_cpu() || joined.empty() || !joined.back().join(segment)) joined.emplace_back(segment);
  }
  return joined;
}

}  // namespace inferbench::torch_backend
