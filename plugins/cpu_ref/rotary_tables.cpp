// SPDX-License-Identifier: Apache-2.0
#include "rotary_tables.hpp"

#include <cmath>
#include <new>

namespace inferbench::cpu_ref {

RotaryFrequencies::RotaryFrequencies(const ib_model_desc& desc)
    : n_tables(desc.n_rotary_tables), half(desc.head_dim / 2) {
  if (n_tables == 0) return;
  frequencies.assign(desc.rotary_frequencies, desc.rotary_frequencies + n_tables * half);
  scales.assign(desc.rotary_scales, desc.rotary_scales + n_tables);
}

RotaryTables::RotaryTables(const RotaryFrequencies& frequencies, std::int64_t max_tokens)
    : from_(&frequencies), max_tokens_(max_tokens) {
  std::int64_t floats = 0;
  if (__builtin_mul_overflow(frequencies.n_tables * max_tokens, 2 * frequencies.half, &floats)) throw std::bad_alloc();
  storage_ = Buffer(floats);
}

void RotaryTables::reach(std::int64_t n_positions, ThreadPool& pool) {
  if (n_positions <= filled_ || from_->n_tables == 0) return;
  const std::int64_t missing = n_positions - filled_;
  pool.parallel_for(from_->n_tables * missing,
                    [&](std::int64_t item, int) { fill(item / missing, filled_ + item % missing); });
  filled_ = n_positions;
}

void RotaryTables::fill(std::int64_t table, std::int64_t position) const {
  const double* frequencies = from_->frequencies.data() + table * from_->half;
  const double scale = from_->scales.data()[table];
  float* cosine = storage_.data() + (table * max_tokens_ + position) * 2 * from_->half;
  float* sine = cosine + from_->half;
  for (std::int64_t j = 0; j < from_->half; ++j) {
    const double angle = static_cast<double>(position) * frequencies[j];
    cosine[j] = static_cast<float>(scale * std::cos(angle));
    sine[j] = static_cast<float>(scale * std::sin(angle));
  }
}

}  // namespace inferbench::cpu_ref
