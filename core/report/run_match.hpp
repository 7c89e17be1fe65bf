// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "results/run_info.hpp"

namespace inferbench {

/// The same item in two runs, by its index in each.
struct Match {
  std::size_t a = 0;
  std::size_t b = 0;
};

/// Matches points with the same workload and the same model (same_model), regardless of its name and place. In the
/// order of `a`; each point at most once.
std::vector<Match> match_points(const RunInfo& a, const RunInfo& b);

/// Contenders of the same name, in the order of `a`.
std::vector<Match> match_contenders(const RunInfo& a, const RunInfo& b);

/// Why the runs have no point or no contender in common, as one line; empty if they have both.
std::string why_nothing_in_common(const RunInfo& a, const RunInfo& b);

/// A difference between two runs that may explain different results.
struct Difference {
  std::string what;  ///< "cpu/model", "backend of cpu_quant:int8"
  std::string a;     ///< empty: missing
  std::string b;
};

/// Differences of program, experiment, backends, models and environment. Values that change from minute to minute
/// (time, load, free memory, current frequency) are left out.
std::vector<Difference> find_differences(const RunInfo& a, const RunInfo& b);

}  // namespace inferbench
