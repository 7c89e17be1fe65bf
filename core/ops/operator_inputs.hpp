// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "model/canonical_tensors.hpp"
#include "ops/operator_spec.hpp"
#include "reference/operators.hpp"

namespace inferbench {

/// The weights of an operator, with the names and shapes of op_bench.h.
std::vector<TensorSpec> operator_tensors(const OperatorSpec& spec);

/// The inputs of an operator: synthetic, from the formula of synthetic models, so that host and worker generate the
/// same values. Weights have the distributions of those models. x, keys and values are uniform with mean 0 and variance
/// 1, like the output of a layer norm.
class OperatorInputs {
 public:
  OperatorInputs(const OperatorSpec& spec, std::uint64_t seed);
  OperatorInputs(const OperatorInputs&) = delete;
  OperatorInputs& operator=(const OperatorInputs&) = delete;

  const OperatorSpec& spec() const { return spec_; }
  const std::vector<ib_tensor>& tensors() const { return tensors_; }  ///< borrow from *this
  const std::vector<float>& input() const { return input_; }          ///< as ib_op_desc::input
  const std::vector<float>& past_kv() const { return past_kv_; }      ///< as ib_op_desc::past_kv

  /// The operator's result in float64, from the code that conformance compares logits with.
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
