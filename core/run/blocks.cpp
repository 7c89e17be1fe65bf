// SPDX-License-Identifier: Apache-2.0
#include "run/blocks.hpp"

namespace inferbench {

namespace {

bool run_attempts(BlockedPoint& point, std::size_t items, std::int32_t repeat_disturbed) {
  for (std::int32_t attempt = 0; attempt <= repeat_disturbed; ++attempt) {
    if (attempt > 0 && !point.begun(attempt) && !point.disturbed()) break;
    if (!point.prepare(attempt)) return false;
    for (std::size_t item = 0; item < items; ++item) {
      if (point.due(item, attempt) && !point.measure(item, attempt)) return false;
    }
  }
  return true;
}

}  // namespace

bool run_blocks(BlockedPoint& point, std::int32_t repeat_disturbed) {
  for (std::int32_t block = 0; point.wants_block(block); ++block) {
    const std::size_t items = point.begin_block(block);
    if (!run_attempts(point, items, repeat_disturbed)) return false;
    point.end_block(block);
  }
  return true;
}

}  // namespace inferbench
