// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "inferbench/op_bench.h"
#include "session.hpp"

namespace inferbench::cpu_ref {

/// A single operator as op_bench.h describes it: a model that has as many layers as there are copies, with just the
/// weights that the operator needs, and a session whose work space it uses. `run` calls what run_layer calls.
class Operator {
 public:
  /// `desc` is checked already. Throws Failure: IB_UNSUPPORTED for more rows than a forward pass takes at once.
  Operator(Context& context, const ib_op_desc& desc);

  const ib_op_info& info() const { return info_; }
  void run(std::int32_t copy);
  /// The result as dense rows.
  void output(float* result) const;

 private:
  void load_weights(const ib_op_desc& desc);
  void store_past(const ib_op_desc& desc);
  void place_rows(const ib_op_desc& desc);
  void run_attention_of(std::int32_t copy);
  /// `work` row = input row, then operation(its number, work row), for operations that change their input.
  template <typename Operation>
  void on_copied_rows(const Rows& work, Operation operation);

  std::int32_t op_;
  std::int64_t input_columns_;
  std::int64_t output_columns_;
  Model model_;
  Session session_;
  Buffer storage_;
  Rows input_;   ///< as the caller gave it; run never changes it
  Rows result_;  ///< where run writes
  ib_op_info info_{};
};

}  // namespace inferbench::cpu_ref
