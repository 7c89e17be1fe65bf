// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <span>
#include <vector>

#include "inferbench/pass_plan.hpp"
#include "mlx_call.hpp"

namespace inferbench::mlx_backend {

/// A description's rotary tables, as MLX's rope takes them.
class RotaryTables {
 public:
  RotaryTables() = default;
  explicit RotaryTables(const ib_model_desc& desc);

  /// x [rows, heads, head_dim], each head rotated by its row's position. `segments` are those of a pass: all its rows.
  mx::array run(std::int32_t table, const mx::array& x, std::span<const PassSegment> segments) const;

 private:
  std::vector<mx::array> periods_;  // of each table, [head_dim / 2]: positions per radian
  std::vector<float> scales_;       // of each table
};

}  // namespace inferbench::mlx_backend
