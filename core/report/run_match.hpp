// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "results/run_info.hpp"

namespace inferbench {

/// The same thing in two runs, by its place in each.
struct Match {
  std::size_t a = 0;
  std::size_t b = 0;
};

/// Points with the same counts and the same model (same_model), whatever it is called and wherever it is kept. In the
/// order of `a`; each point at most once.
std::vector<Match> match_points(const RunInfo& a, const RunInfo& b);

/// Contenders of the same name, in the order of `a`.
std::vector<Match> match_contenders(const RunInfo& a, const RunInfo& b);

/// Why no point or no contender of the two is the same, as one line; empty where there is one of each.
std::string why_nothing_in_common(const RunInfo& a, const RunInfo& b);

/// Something that is not the same in two runs and may explain why they differ.
struct Difference {
  std::string what;  ///< "cpu/model", "backend of cpu_quant:int8"
  std::string a;     ///< empty: not there
  std::string b;
};

/// Program, experiment, backends, models and environment; what changes from minute to minute (time, load, free memory,
/// frequency now) is left out.
std::vector<Difference> find_differences(const RunInfo& a, const RunInfo& b);

}  // namespace inferbench
