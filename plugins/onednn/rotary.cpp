// SPDX-License-Identifier: Apache-2.0
#include "rotary.hpp"

#include <cmath>

namespace inferbench::onednn {
namespace {

// Below this many heads, one thread is done before others wake up.
constexpr std::int64_t kRotationsForThreads = 256;

}  // namespace

RotaryTables::RotaryTables(const ib_model_desc& desc) : half(desc.head_dim / 2) {
  if (desc.n_rotary_tables == 0) return;
  frequencies.assign(desc.rotary_frequencies, desc.rotary_frequencies + desc.n_rotary_tables * half);
  scales.assign(desc.rotary_scales, desc.rotary_scales + desc.n_rotary_tables);
}

Rotary::Rotary(const RotaryTables& tables, std::int64_t max_rows)
    : tables_(tables),
      max_rows_(max_rows),
      cosines_(tables.frequencies.size() * static_cast<std::size_t>(max_rows)),
      sines_(cosines_) {}

std::size_t Rotary::row_offset(std::int64_t table, std::int64_t row) const {
  return static_cast<std::size_t>((table * max_rows_ + row) * tables_.half);
}

void Rotary::set_positions(std::span<const std::int32_t> positions) {
  const auto n_tables = static_cast<std::int64_t>(tables_.scales.size());
  const auto rows = static_cast<std::int64_t>(positions.size());
#pragma omp parallel for if (n_tables * rows >= kRotationsForThreads)
  for (std::int64_t item = 0; item < n_tables * rows; ++item) {
    const std::int64_t table = item / rows;
    const double* frequencies = tables_.frequencies.data() + table * tables_.half;
    const double scale = tables_.scales[static_cast<std::size_t>(table)];
    const double position = positions[static_cast<std::size_t>(item % rows)];
    const std::size_t to = row_offset(table, item % rows);
    for (std::int64_t j = 0; j < tables_.half; ++j) {
      cosines_[to + static_cast<std::size_t>(j)] = static_cast<float>(scale * std::cos(position * frequencies[j]));
      sines_[to + static_cast<std::size_t>(j)] = static_cast<float>(scale * std::sin(position * frequencies[j]));
    }
  }
}

void Rotary::run(std::int32_t table, const float* from, std::int64_t rows, std::int64_t n_heads, std::int64_t stride,
                 float* to) const {
  const std::int64_t half = tables_.half;
#pragma omp parallel for if (rows * n_heads >= kRotationsForThreads)
  for (std::int64_t item = 0; item < rows * n_heads; ++item) {
    const std::int64_t row = item / n_heads;
    const float* cosines = cosines_.data() + row_offset(table, row);
    const float* sines = sines_.data() + row_offset(table, row);
    const std::int64_t at = row * stride + item % n_heads * 2 * half;
    const float* x = from + at;
    float* y = to + at;
#pragma omp simd
    for (std::int64_t j = 0; j < half; ++j) {
      const float first = x[j];
      const float second = x[j + half];
      y[j] = first * cosines[j] - second * sines[j];
      y[j + half] = second * cosines[j] + first * sines[j];
    }
  }
}

}  // namespace inferbench::onednn
