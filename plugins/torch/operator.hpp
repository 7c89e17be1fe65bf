// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "attention.hpp"
#include "context.hpp"
#include "device.hpp"
#include "inferbench/op_bench.h"
#include "layer.hpp"

namespace inferbench::torch_backend {

/// A single operator as op_bench.h describes it: what forward does with the layer of a copy. Activation and softmax are
/// libtorch's own operators.
class Operator {
 public:
  /// `desc` is checked already. Throws Failure: IB_UNSUPPORTED for more rows than a forward pass takes at once.
  Operator(Context& context, const ib_op_desc& desc);

  const ib_op_info& info() const { return info_; }
  void run(std::int32_t copy);
  void output(float* result) const;

 private:
  void load(const ib_op_desc& desc);
  void store_past(const ib_op_desc& desc);
  at::Tensor result_of(std::int32_t copy);
  at::Tensor rotated() const;

  Context& context_;
  ReleaseAtEnd release_;
  std::int32_t op_;
  ib_model_desc desc_;         // numbers and flags
  at::Tensor input_;           // as ib_op_desc::input
  at::Tensor result_;          // of the latest run
  std::vector<Layer> layers_;  // [copies] with what the operator needs
  std::unique_ptr<Attention> attention_;
  std::optional<Pass> pass_;  // of operators with positions
  ib_op_info info_{};
};

}  // namespace inferbench::torch_backend
