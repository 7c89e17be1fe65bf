// SPDX-License-Identifier: Apache-2.0
//
// Passes and memory of backends in C++20 on other people's engines. Not included by backend.hpp.
#pragma once

#include <cstdint>

#include "inferbench/backend.h"
#include "inferbench/backend_failure.hpp"
#include "inferbench/op_bench.h"
#include "inferbench/pass_plan.hpp"

namespace inferbench {

/// Tokens that one pass through the layers takes on a CPU; longer calls make several, which bounds the work space.
inline constexpr std::int32_t kPassRows = 512;

/// Most rows of one head product: with a large vocabulary its results dominate the work space.
inline constexpr std::int32_t kHeadRows = 64;

/// The pass of a single operator with positions: the same segments as in forward. `max_rows` and `max_segment_rows` as
/// in PassPlan. Throws Failure(IB_INVALID_ARGUMENT) if positions exceed 31 bits.
inline PassPlan op_plan(const ib_op_desc& op, std::int32_t max_rows, std::int32_t max_segment_rows) {
  require(op.past <= INT32_MAX - op.rows, "past and rows exceed 31 bits");
  PassPlan plan({1, op.past + op.rows, op.rows, 0}, max_rows, max_segment_rows);
  plan.begin_rows(op.rows, op.past);
  return plan;
}

/// The memory of a session whose model, KV cache and work space are all there at its peak; if `on_device`, there too.
inline ib_session_info session_memory(const ib_model_info& model, std::uint64_t kv_bytes, std::uint64_t scratch_bytes,
                                      bool on_device = false) {
  ib_session_info info{};
  info.struct_size = sizeof info;
  info.kv_bytes = kv_bytes;
  info.scratch_bytes = scratch_bytes;
  info.peak_bytes = model.weights_bytes + kv_bytes + scratch_bytes;
  if (on_device) info.device_bytes = info.peak_bytes;
  return info;
}

}  // namespace inferbench
