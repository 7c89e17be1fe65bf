// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "inferbench/backend.h"
#include "inferbench/op_bench.h"

namespace inferbench::cpu_quant {

/// A model's description without its tensors, copied, and checked as far as the kernels need it.
class ModelShape {
 public:
  /// Throws Failure(IB_UNSUPPORTED).
  explicit ModelShape(const ib_model_desc& desc);
  /// Of a model whose layers are the copies of an operator's one.
  explicit ModelShape(const ib_op_desc& op);
  ModelShape(const ModelShape&) = delete;
  ModelShape& operator=(const ModelShape&) = delete;

  /// Its pointers lead into this object.
  const ib_model_desc& desc() const { return desc_; }

 private:
  ib_model_desc desc_;
  std::vector<ib_layer_desc> layers_;
  std::vector<double> frequencies_;
  std::vector<double> scales_;
};

}  // namespace inferbench::cpu_quant
