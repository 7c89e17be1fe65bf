// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/batch.hpp"
#include "engine/forward.hpp"
#include "engine/kv_cache.hpp"
#include "engine/model.hpp"
#include "inferbench/op_bench.h"

namespace inferbench::cpu_quant {

/// A single operator as op_bench.h describes it: some steps of a forward pass over a model whose layers are the copies.
class Operator {
 public:
  /// `op` is checked already. Throws Failure: IB_UNSUPPORTED for an operator that is a part of another here, and for
  /// more rows than option `chunk` lets through at once.
  Operator(Context& context, const ib_op_desc& op);

  const ib_op_info& info() const { return info_; }
  void run(std::int32_t copy);
  void output(float* result) const { pass_.read_result(op_, result); }

 private:
  void append_past(const ib_op_desc& op);
  std::uint64_t kv_bytes(const ib_op_desc& op) const;

  std::int32_t op_;
  Model model_;
  KvCache cache_;
  Batch batch_;
  ForwardPass pass_;
  ib_op_info info_{};
};

}  // namespace inferbench::cpu_quant
