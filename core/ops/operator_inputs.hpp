// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "inferbench/decoder.hpp"
#include "ops/operator_spec.hpp"
#include "reference/operators.hpp"

namespace inferbench {

/// The inputs of an operator: synthetic, from the formula of synthetic models, so that host and worker generate the
/// same values. Weights have the distributions of those models. x, keys and values are uniform with mean 0 and variance
/// 1, like the output of a norm.
class OperatorInputs {
 public:
  OperatorInputs(const OperatorSpec& spec, std::uint64_t seed);
  OperatorInputs(const OperatorInputs&) = delete;
  OperatorInputs& operator=(const OperatorInputs&) = delete;

  const OperatorSpec& spec() const { return spec_; }
  const std::vector<ib_tensor>& tensors() const { return tensors_; }  ///< borrow from *this
  const std::vector<float>& input() const { return input_; }          ///< as ib_op_desc::input
  const std::vector<float>& past_kv() const { return past_kv_; }      ///< as ib_op_desc::past_kv

  /// The description with one copy, without precision and options. It borrows from *this.
  ib_op_desc desc() const;
  std::size_t n_results() const;  ///< values of the result

  /// The operator's result in float64, from the code that conformance compares logits with.
  reference::Values reference() const;

 private:
  OperatorSpec spec_;
  ModelConfig config_;
  std::vector<decoder::TensorSpec> specs_;
  std::vector<std::vector<float>> weights_;
  std::vector<ib_tensor> tensors_;
  ib_model_desc layer_{};
  std::vector<float> input_;
  std::vector<float> past_kv_;
};

}  // namespace inferbench
