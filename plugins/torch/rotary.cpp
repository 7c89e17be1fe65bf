// SPDX-License-Identifier: Apache-2.0
#include "rotary.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace inferbench::torch_backend {
namespace {

at::Tensor copied(const double* values, std::int64_t rows, std::int64_t columns, c10::Device device) {
  at::Tensor tensor = at::empty({rows, columns}, at::kDouble);
  std::copy_n(values, rows * columns, tensor.data_ptr<double>());
  return tensor.to(device);
}

}  // namespace

RotaryTables::RotaryTables(const ib_model_desc& desc, c10::Device device) {
  if (desc.n_rotary_tables == 0) return;
  frequencies = copied(desc.rotary_frequencies, desc.n_rotary_tables, desc.head_dim / 2, device);
  scales = copied(desc.rotary_scales, desc.n_rotary_tables, 1, device);
}

// Angles in double: in float32 their error grows with the position.
Rotation::Rotation(const RotaryTables& tables, const at::Tensor& positions) {
  if (!tables.frequencies.defined()) return;
  const at::Tensor rows = positions.to(at::kDouble).view({positions.size(0), 1, 1});
  const at::Tensor angles = rows.mul(tables.frequencies.unsqueeze(1).unsqueeze(1));
  const at::Tensor scales = tables.scales.unsqueeze(1).unsqueeze(1);
  cosines_ = angles.cos().mul_(scales).to(at::kFloat);
  sines_ = angles.sin().mul_(scales).to(at::kFloat);
  if (positions.is_cpu()) return;
  cosines_ = at::cat({cosines_, cosines_}, -1);
  sines_ = at::cat({sines_.neg(), sines_}, -1);
}

at::Tensor Rotation::run(std::int32_t table, const at::Tensor& x) const {
  const at::Tensor cosines = cosines_[table];
  const at::Tensor sines = sines_[table];
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor first = x.narrow(-1, 0, half);
  const at::Tensor second = x.narrow(-1, half, half);
  // An operator on a GPU costs its launch, so there are few of them.
  if (!x.is_cpu()) return x.mul(cosines).add_(at::cat({second, first}, -1).mul(sines)).to(x.scalar_type());
  at::Tensor rotated = at::empty(x.sizes());
  rotated.narrow(-1, 0, half).copy_(first.mul(cosines).sub_(second.mul(sines)));
  rotated.narrow(-1, half, half).copy_(second.mul(cosines).add_(first.mul(sines)));
  return rotated;
}

}  // namespace inferbench::torch_backend
