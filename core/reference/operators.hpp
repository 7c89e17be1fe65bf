// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench::reference {

// The operations of ib_model_desc in float64 and plain loops. Matrices are row-major and dense. The caller must pass
// consistent sizes.

using Values = std::vector<double>;

/// The elements of a tensor of any dtype and strides, dense.
Values values_of(const ib_tensor& tensor);

/// IB_NORM_LAYER, row by row; x [rows, weight.size()].
Values layer_norm(const Values& x, const Values& weight, const Values& bias, double epsilon);

/// IB_NORM_RMS, row by row; x [rows, weight.size()]. With a weight of head_dim values, a row is a head.
Values rms_norm(const Values& x, const Values& weight, double epsilon);

/// x [rows, inputs] * transpose(weight [outputs, inputs]) + bias [outputs]; an empty bias is none.
Values linear(const Values& x, const Values& weight, std::size_t inputs, const Values& bias = {});

/// Softmax of each row; x [rows, columns].
Values softmax_rows(const Values& x, std::size_t columns);

/// cap(s; c) of ib_model_desc, for each value. A cap of 0 changes nothing.
void soft_cap(std::span<double> values, double cap);

/// Applies IB_ACTIVATION_* `activation` to each value.
Values activate(Values x, std::int32_t activation);

/// Rotates heads as ib_model_desc says. x [rows, heads, 2 * frequencies.size()]; row i is at position first + i.
void rotate(Values& x, std::size_t heads, std::span<const double> frequencies, double scale, std::int64_t first);

/// The parameters of a layer's attention.
struct AttentionShape {
  std::size_t n_heads = 1;
  std::size_t n_kv_heads = 1;
  std::size_t head_dim = 1;
  double scale = 1;
  double soft_cap = 0;
  std::size_t window = 0;  ///< 0: none
};

/// Per head: softmax(cap(scale * q k^T), causal, within the window) v. q [rows, n_heads head_dim], k and v [positions,
/// n_kv_heads head_dim]; the rows of q are the last positions. Returns [rows, n_heads head_dim].
Values attend(const Values& q, const Values& k, const Values& v, const AttentionShape& shape);

/// Columns [first, first + n) of x [rows, columns].
Values columns_of(const Values& x, std::size_t columns, std::size_t first, std::size_t n);

}  // namespace inferbench::reference
