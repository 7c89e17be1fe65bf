// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "report/run_match.hpp"
#include "results/run_folder.hpp"
#include "stats/log_ratio.hpp"
#include "stats/summary.hpp"

namespace inferbench {

/// One metric of one contender at one point in both runs.
struct Change {
  std::optional<Summary> a;
  std::optional<Summary> b;
  std::optional<SpeedRatio> speed;  ///< of b relative to a: more than 1 means b is faster
};

struct ContenderChange {
  std::string contender;
  std::map<std::string, Change> metrics;  ///< prefill_tokens_per_s, decode_tokens_per_s
};

struct PointChange {
  std::string title;
  std::vector<ContenderChange> contenders;
};

/// A contender's change by one metric, over all matched points.
struct OverallChange {
  std::string contender;  ///< empty: all contenders
  std::string metric;
  std::size_t points = 0;
  SpeedRatio speed;
};

/// A comparison of two runs.
struct RunComparison {
  std::string name_a;  ///< as the user named the folder
  std::string name_b;
  std::vector<Difference> differences;
  std::vector<std::string> changed;  ///< models with the same name that differ, so their points are not compared
  std::vector<OverallChange> overall;
  std::vector<PointChange> points;
  std::size_t unmatched_a = 0;  ///< points that only run a has
  std::size_t unmatched_b = 0;
  std::vector<std::string> contenders_only_in_a;
  std::vector<std::string> contenders_only_in_b;
};

/// The runs are independent, so ratios come from independent samples (Welch on the logarithms). The overall ratios are
/// geometric means over the points. Throws Error if the runs have no point or no contender in common, and if no
/// contender has good trials at the same point in both.
RunComparison compare_runs(const RunData& a, const RunData& b, const std::string& name_a, const std::string& name_b);

/// At most 100 columns: differences, then the overall verdicts, then each point.
std::string run_comparison_console(const RunComparison& comparison, bool colour);
std::string run_comparison_markdown(const RunComparison& comparison);
/// Indented, ending with a newline.
std::string run_comparison_json(const RunComparison& comparison);

}  // namespace inferbench
