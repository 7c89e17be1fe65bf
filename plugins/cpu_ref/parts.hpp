// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "buffer.hpp"
#include "layer.hpp"

namespace inferbench::cpu_ref {

/// Hands out the parts of one allocation, each on its own cache lines. With a null base it only counts.
class Parts {
 public:
  explicit Parts(float* base) : base_(base) {}

  float* vector(std::int64_t n) { return take(n); }
  Linear linear(std::int64_t inputs, std::int64_t outputs, bool has_bias) {
    Linear linear{matrix(inputs, outputs), nullptr};
    if (has_bias) linear.bias = take(outputs);
    return linear;
  }
  PackedMatrix matrix(std::int64_t inputs, std::int64_t outputs) {
    PackedMatrix matrix{nullptr, inputs, outputs};
    matrix.data = take(matrix.n_floats());
    return matrix;
  }
  Norm norm(const Shape& shape) {
    Norm norm{take(shape.hidden_size), nullptr};
    if (shape.norm == IB_NORM_LAYER) norm.bias = take(shape.hidden_size);
    return norm;
  }
  std::int64_t n_floats() const { return used_; }

 private:
  float* take(std::int64_t n) {
    float* part = base_ == nullptr ? nullptr : base_ + used_;
    used_ += round_up(n, 16);
    return part;
  }

  float* base_;
  std::int64_t used_ = 0;
};

}  // namespace inferbench::cpu_ref
