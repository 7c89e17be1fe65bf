// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "attention.hpp"
#include "context.hpp"
#include "inferbench/op_bench.h"
#include "layer.hpp"

namespace inferbench::mlx_backend {

/// A single operator as op_bench.h describes it: what forward does with the layer of a copy. Softmax is MLX's own
/// operator.
class Operator {
 public:
  /// `desc` is checked already. Throws Failure: IB_UNSUPPORTED for more rows than a forward pass takes at once, and for
  /// the precision of a folder.
  Operator(Context& context, const ib_op_desc& desc);

  const ib_op_info& info() const { return info_; }
  void run(std::int32_t copy);
  void output(float* result) const;

 private:
  void load(const ib_op_desc& desc);
  void store_past(const ib_op_desc& desc);
  mx::array rotated() const;
  mx::array result_of(std::int32_t copy);

  Context& context_;
  std::int32_t op_;
  ib_model_desc desc_;  // numbers and flags
  Format format_;
  Activation activation_;
  RotaryTables tables_;
  MaybeArray input_;           // as ib_op_desc::input, in the format's type
  MaybeArray result_;          // of the latest run
  std::vector<Layer> layers_;  // [copies] with what the operator needs
  std::optional<Pass> pass_;   // of operators with positions
  std::optional<Attention> attention_;
  ib_op_info info_{};
};

}  // namespace inferbench::mlx_backend
