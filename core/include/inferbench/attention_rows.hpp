// SPDX-License-Identifier: Apache-2.0
//
// Which keys the rows of a pass see, for backends in C++20 on engines without causal attention of their own. Not
// included by backend.hpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include "inferbench/pass_plan.hpp"

namespace inferbench {

/// Row limit of a segment, where a row has `scores_per_row` scores at a time: at most 64 MiB of scores in fp32, but at
/// least 16 rows. It keeps the score matrix small for long sequences.
inline std::int32_t segment_rows_of_scores(std::int64_t scores_per_row) {
  constexpr std::int64_t kMaxScores = 16 << 20;
  constexpr std::int64_t kMinRows = 16;
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(kMaxScores / scores_per_row, kMinRows, INT32_MAX));
}

/// Positions of a cache.
struct KeyRange {
  std::int64_t begin;
  std::int64_t n;
};

/// The positions that at least one row of a segment sees. `window` as in ib_layer_desc.
inline KeyRange seen_keys(const PassSegment& rows, std::int64_t window) {
  const std::int64_t end = std::int64_t{rows.first_position} + rows.n_rows;
  const std::int64_t begin = window > 0 ? std::max<std::int64_t>(rows.first_position + 1 - window, 0) : 0;
  return {begin, end - begin};
}

}  // namespace inferbench
