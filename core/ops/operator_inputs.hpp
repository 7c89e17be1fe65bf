// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "model/canonical_tensors.hpp"
#include "ops/operator_spec.hpp"
#include "reference/operators.hpp"

namespace inferbench {

/// The weights that an operator has, named and shaped as op_bench.h says.
std::vector<TensorSpec> operator_tensors(const OperatorSpec& spec);

/// What an operator computes on: made up by the formula of synthetic models, so that host and worker make the same.
/// Weights have the distributions of those models; x, keys and values are uniform with mean 0 and variance 1, as what
/// comes out of a layer norm.
class OperatorInputs {
 public:
  OperatorInputs(const OperatorSpec& spec, std::uint64_t seed);
  OperatorInputs(const OperatorInputs&) = delete;
  OperatorInputs& operator=(const OperatorInputs&) = delete;

  const OperatorSpec& spec() const { return spec_; }
  const std::vector<ib_tensor>& tensors() const { return tensors_; }  ///< borrow from *this
  const std::vector<float>& input() const { return input_; }          ///< as ib_op_desc::input
  const std::vector<float>& past_kv() const { return past_kv_; }      ///< as ib_op_desc::past_kv

  /// The operator's result in float64, by the loops that conformance judges logits with.
  reference::Values reference() const;

 private:
  OperatorSpec spec_;
  std::vector<TensorSpec> specs_;
  std::vector<std::vector<float>> weights_;
  std::vector<ib_tensor> tensors_;
  std::vector<float> input_;
  std::vector<float> past_kv_;
};

}  // namespace inferbench
