// SPDX-License-Identifier: Apache-2.0
#include "rotary.hpp"

#include <ATen/ATen.h>

#include <algorithm>

namespace inferbench::torch_backend {
namespace {

at::Tensor copied(const double* values, std::int64_t rows, std::int64_t columns) {
  at::Tensor tensor = at::empty({rows, columns}, at::kDouble);
  std::copy_n(values, rows * columns, tensor.data_ptr<double>());
  return tensor;
}

}  // namespace

RotaryTables::RotaryTables(const ib_model_desc& desc) {
  if (desc.n_rotary_tables == 0) return;
  frequencies = copied(desc.rotary_frequencies, desc.n_rotary_tables, desc.head_dim / 2);
  scales = copied(desc.rotary_scales, desc.n_rotary_tables, 1);
}

// Angles in double: in float32 their error grows with the position.
Rotation::Rotation(const RotaryTables& tables, std::span<const std::int32_t> positions) {
  if (!tables.frequencies.defined()) return;
  at::Tensor rows = at::empty({static_cast<std::int64_t>(positions.size()), 1, 1}, at::kDouble);
  std::copy(positions.begin(), positions.end(), rows.data_ptr<double>());
  const at::Tensor angles = rows.mul(tables.frequencies.unsqueeze(1).unsqueeze(1));
  const at::Tensor scales = tables.scales.unsqueeze(1).unsqueeze(1);
  cosines_ = angles.cos().mul_(scales).to(at::kFloat);
  sines_ = angles.sin().mul_(scales).to(at::kFloat);
}

at::Tensor Rotation::run(std::int32_t table, const at::Tensor& x) const {
  const at::Tensor cosines = cosines_[table];
  const at::Tensor sines = sines_[table];
  const std::int64_t half = x.size(-1) / 2;
  const at::Tensor first = x.narrow(-1, 0, half);
  const at::Tensor second = x.narrow(-1, half, half);
  at::Tensor rotated = at::empty(x.sizes());
  rotated.narrow(-1, 0, half).copy_(first.mul(cosines).sub_(second.mul(sines)));
  rotated.narrow(-1, half, half).copy_(second.mul(cosines).add_(first.mul(sines)));
  return rotated;
}

}  // namespace inferbench::torch_backend
