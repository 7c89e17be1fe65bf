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
  std::optional<SpeedRatio> speed;  ///< of b against a: more than 1 is faster in b
};

struct ContenderChange {
  std::string contender;
  std::map<std::string, Change> metrics;  ///< prefill_tokens_per_s, decode_tokens_per_s
};

struct PointChange {
  std::string title;
  std::vector<ContenderChange> contenders;
};

/// A contender over all matched points by one metric.
struct OverallChange {
  std::string contender;  ///< empty: all of them
  std::string metric;
  std::size_t points = 0;
  SpeedRatio speed;
};

/// Two runs side by side.
struct RunComparison {
  std::string name_a;  ///< as the user named the folder
  std::string name_b;
  std::vector<Difference> differences;
  std::vector<std::string>
      changed;  ///< models of one name that are not the same, so that their points are not compared
  std::vector<OverallChange> overall;
  std::vector<PointChange> points;
  std::size_t unmatched_a = 0;  ///< points that only one of them has
  std::size_t unmatched_b = 0;
  std::vector<std::string> contenders_only_in_a;
  std::vector<std::string> contenders_only_in_b;
};

/// The runs have nothing in common: ratios come from independent samples (Welch on the logs), and the overall ones are
/// geometric means over the points. Throws Error where no point or no contender is in both, and where no contender has
/// good trials at a point in both.
RunComparison compare_runs(const RunData& a, const RunData& b, const std::string& name_a, const std::string& name_b);

/// At most 100 columns; differences first, then the overall verdicts, then point after point.
std::string run_comparison_console(const RunComparison& comparison, bool colour);
std::string run_comparison_markdown(const RunComparison& comparison);
/// Indented, ending with a newline.
std::string run_comparison_json(const RunComparison& comparison);

}  // namespace inferbench
