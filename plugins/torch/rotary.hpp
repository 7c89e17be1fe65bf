// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "inferbench/backend.h"

namespace inferbench::torch_backend {

/// A copy of a description's rotary tables on a device: the description is gone after model_create.
struct RotaryTables {
  RotaryTables() = default;
  RotaryTables(const ib_model_desc& desc, c10::Device device);

  at::Tensor frequencies;  ///< double [tables, half of a head], radians per position; undefined: no tables
  at::Tensor scales;       ///< double [tables, 1]
};

/// Cosines and sines for the positions of one pass, the tables' scales included.
class Rotation {
 public:
  /// `positions`: int [rows], where the tables are.
  Rotation(const RotaryTables& tables, const at::Tensor& positions);

  /// x [rows, heads, head_dim], each head rotated by its row's position; in the type of x.
  at::Tensor run(std::int32_t table, const at::Tensor& x) const;

 private:
  at::Tensor cosines_;  // [tables, rows, 1, half]; on a GPU [tables, rows, 1, head_dim], both halves the same
  at::Tensor sines_;    // the same; on a GPU negative in the first half
};

}  // namespace inferbench::torch_backend
