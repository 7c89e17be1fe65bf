// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analyze/analysis.hpp"
#include "report/check.hpp"
#include "report/comparison.hpp"
#include "report/failure_groups.hpp"
#include "report/frontier.hpp"
#include "report/headline.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// A contender's output compared with the baseline's, over all points.
struct OutputAgreement {
  std::string contender;
  SameOutput same_output;
};

/// A disturbed trial.
struct DisturbedTrial {
  std::size_t point = 0;  ///< index into RunInfo::points
  std::string contender;
  std::int32_t block = 0;
  std::int32_t attempt = 0;
  std::string disturbed_by;
  bool counted = false;  ///< false: another attempt at its block counts, or it was a warm-up
};

/// A trial far from the others of its contender and point. It still counts.
struct Outlier {
  std::size_t point = 0;  ///< index into RunInfo::points
  std::string contender;
  std::int32_t block = 0;
  std::string metric;
  double value = 0;
  double median = 0;  ///< of all trials of the contender and point
};

/// All data shown by a report, in any format.
struct Report {
  RunInfo info;
  Comparison comparison;
  std::vector<Headline> headlines;          ///< decode, then prefill, if measured
  std::vector<OutputAgreement> agreements;  ///< without the baseline
  std::vector<QualityRecord> quality;       ///< as measured; empty if the experiment did not request it
  std::vector<DisturbedTrial> disturbed;    ///< trials that count come first
  std::vector<Outlier> outliers;
  std::vector<std::string> notes;          ///< run_notes
  std::optional<AnalysisResult> analysis;  ///< absent if no trial was ok
  std::vector<FailureGroup> failures;
  std::vector<CheckResult> checks;  ///< of the experiment's targets
  Frontiers frontiers{};            ///< of runs with several loads
};

/// `folder` is shown in the report; empty to hide it.
Report make_report(const RunData& run, const std::string& folder);

enum class JsonStyle { kIndented, kCompact };

/// JSON by docs/run_report.schema.json. The indented form ends with a newline.
std::string report_json(const Report& report, JsonStyle style = JsonStyle::kIndented);

}  // namespace inferbench
