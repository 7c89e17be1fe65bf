// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "inferbench/op_bench.h"
#include "layer_pass.hpp"
#include "model.hpp"

namespace inferbench::onednn {

/// A single operator as op_bench.h describes it: a part of LayerPass on the layer of a copy. The activation and softmax
/// are oneDNN's own primitives (in fp32 a forward pass lets the product before apply the activation).
class Operator {
 public:
  /// `desc` is checked already. Throws Failure: IB_UNSUPPORTED for more rows than a forward pass takes at once, and for
  /// what this backend does not compute.
  Operator(Context& context, const ib_op_desc& desc);

  const ib_op_info& info() const { return info_; }
  void run(std::int32_t copy);
  void output(float* result) const;

 private:
  void load_weights(const ib_op_desc& desc);
  void store_past(const ib_op_desc& desc);
  void rotate();

  Context& context_;
  std::int32_t op_;
  ib_model_desc desc_;  ///< numbers and flags
  std::int64_t rows_;
  Precision precision_;
  std::vector<float> input_;  ///< as ib_op_desc::input
  std::vector<float> result_;
  std::vector<Layer> layers_;  ///< [copies] with what the operator needs
  PassPlan plan_;
  LayerPass pass_;
  ib_op_info info_{};
};

}  // namespace inferbench::onednn
