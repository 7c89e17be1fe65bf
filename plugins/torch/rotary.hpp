// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "inferbench/backend.h"

namespace inferbench::torch_backend {

/// A copy of a description's rotary tables: the description is gone after model_create.
struct RotaryTables {
  RotaryTables() = default;
  explicit RotaryTables(const ib_model_desc& desc);

  at::Tensor frequencies;  ///< double [tables, half of a head], radians per position; undefined: no tables
  at::Tensor scales;       ///< double [tables, 1]
};

/// Cosines and sines for the positions of one pass, the tables' scales included.
class Rotation {
 public:
  Rotation(const RotaryTables& tables, std::span<const std::int32_t> positions);

  /// x [rows, heads, head_dim], each head rotated by its row's position.
  at::Tensor run(std::int32_t table, const at::Tensor& x) const;

 private:
  at::Tensor cosines_;  // [tables, rows, 1, half]
  at::Tensor sines_;    // the same
};

}  // namespace inferbench::torch_backend
