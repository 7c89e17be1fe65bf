// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench::reference {

// GPT-2's operators as backend.h and op_bench.h define them, in float64 and plain loops. Matrices are row-major and
// dense. The caller must pass consistent sizes.

using Values = std::vector<double>;

/// The elements of a tensor of any dtype of backend.h.
Values values_of(const ib_tensor& tensor);

/// (x - mean) / sqrt(variance + epsilon) * weight + bias, row by row; x [rows, weight.size()], biased variance.
Values layer_norm(const Values& x, const Values& weight, const Values& bias, double epsilon);

/// x [rows, inputs] * weight [inputs, bias.size()] + bias
Values linear(const Values& x, const Values& weight, const Values& bias);

/// softmax of each row; x [rows, columns].
Values softmax_rows(const Values& x, std::size_t columns);

/// Per head: softmax(scale * q k^T, causal) v, for the rows from `first` on. qkv [positions, 3 width]: queries, keys,
/// values. Returns [positions - first, width].
Values attend(const Values& qkv, std::size_t width, std::size_t n_heads, double scale, std::size_t first = 0);

/// Applies IB_ACTIVATION_* `activation` to each value.
Values activate(Values x, std::int32_t activation);

/// The parameters of a layer besides its weights.
struct LayerShape {
  std::size_t n_heads = 1;
  std::int32_t activation = IB_ACTIVATION_GELU_TANH;
  double epsilon = 1e-5;
  double attention_scale = 1;
};

/// Returns a weight by its name in ib_model_desc, without "h.{i}.".
using WeightLookup = std::function<const Values&(const std::string& name)>;

/// A layer of ib_model_desc, residual sums included, applied to consecutive positions x [rows, width]. The positions of
/// past_kv [past, 2 width] come before them; each row has the keys, then the values.
Values layer(Values x, const WeightLookup& weight, const LayerShape& shape, const Values& past_kv = {});

/// The rows of past_kv, with zeros as queries, followed by the rows of qkv.
Values with_past(const Values& qkv, const Values& past_kv, std::size_t width);

}  // namespace inferbench::reference
