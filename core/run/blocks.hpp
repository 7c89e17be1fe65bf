// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace inferbench {

/// The measurements of one point, as run_blocks sees them: a block measures every contender once, in an order of its
/// own. Functions that return bool return false if the user asked to stop.
class BlockedPoint {
 public:
  BlockedPoint() = default;
  virtual ~BlockedPoint() = default;
  BlockedPoint(const BlockedPoint&) = delete;
  BlockedPoint& operator=(const BlockedPoint&) = delete;

  virtual bool wants_block(std::int32_t block) = 0;
  /// Makes `block` the current one. Returns how many measurements it has; `item` below counts them in their order.
  virtual std::size_t begin_block(std::int32_t block) = 0;
  virtual void end_block(std::int32_t /*block*/) {}

  /// Whether an earlier, interrupted run already started this attempt of the current block.
  virtual bool begun(std::int32_t /*attempt*/) const { return false; }
  /// Whether something disturbed a measurement of the latest attempt of the current block.
  virtual bool disturbed() const = 0;
  /// Whether `item` still has to run in this attempt. An item that failed is not tried again.
  virtual bool due(std::size_t item, std::int32_t attempt) const = 0;
  /// Called before the attempt's first measurement: loads what its items need.
  virtual bool prepare(std::int32_t /*attempt*/) { return true; }
  virtual bool measure(std::size_t item, std::int32_t attempt) = 0;
};

/// Runs the point's blocks, trials and operators alike. If something disturbed a measurement, the entire block runs
/// again, at most `repeat_disturbed` times: times from a quiet and from a loaded machine are not comparable. Returns
/// false if the user asked to stop.
bool run_blocks(BlockedPoint& point, std::int32_t repeat_disturbed);

}  // namespace inferbench
