// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace inferbench {

/// What a user of the service must get for a request to count as good. 0: no bound.
struct Objective {
  double ttft_ms = 0;
  double tpot_ms = 0;  ///< time per output token

  bool any() const { return ttft_ms > 0 || tpot_ms > 0; }
  friend bool operator==(const Objective&, const Objective&) = default;
};

/// When a rate holds, and how exactly it is searched.
struct RateGoal {
  Objective objective{};
  double percentile = 99;  ///< per cent of the counted requests, at least, that meet the objective; failed ones do not
  double within = 0.05;    ///< the search ends when the rates that hold and fail differ by less than this share

  friend bool operator==(const RateGoal&, const RateGoal&) = default;
};

}  // namespace inferbench
