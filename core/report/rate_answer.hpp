// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "serve/rate_search.hpp"
#include "stats/interval.hpp"

namespace inferbench {

/// What the searches of a contender, one per block, say together.
struct RateAnswer {
  std::size_t searches = 0;
  std::size_t held = 0;       ///< searches in which some rate held; the rest of this struct is about these
  std::size_t unbounded = 0;  ///< of these, searches in which even the offline rate held
  double percentile = 99;     ///< as in RateGoal
  double rate = 0;            ///< geometric mean of the highest rates that held; 0: none did
  /// From the rates that held to the rates that failed, widened by the 95% intervals of their geometric means if there
  /// are at least two searches. Absent if no rate held.
  std::optional<Interval> interval;
};

/// nullopt for no searches.
std::optional<RateAnswer> rate_answer_of(std::span<const MaxRate> searches);

/// As one line: "holds 41.2 requests/s (39.9 to 43.1 in 7 searches)".
std::string rate_answer_text(const RateAnswer& answer);

}  // namespace inferbench
