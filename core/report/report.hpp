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
#include "report/headline.hpp"
#include "results/run_folder.hpp"

namespace inferbench {

/// A contender's output against the baseline's, over all points.
struct OutputAgreement {
  std::string contender;
  SameOutput same_output;
};

/// A trial that something disturbed.
struct DisturbedTrial {
  std::size_t point = 0;  ///< its place in RunInfo::points
  std::string contender;
  std::int32_t block = 0;
  std::int32_t attempt = 0;
  std::string disturbed_by;
  bool counted = false;  ///< else another attempt at its block counts, or it was a warm-up
};

/// A trial far from the others of its contender and point; counted all the same.
struct Outlier {
  std::size_t point = 0;  ///< its place in RunInfo::points
  std::string contender;
  std::int32_t block = 0;
  std::string metric;
  double value = 0;
  double median = 0;  ///< of all of them
};

/// All that a report in any format shows.
struct Report {
  RunInfo info;
  Comparison comparison;
  std::vector<Headline> headlines;          ///< decode, then prefill; those that were measured
  std::vector<OutputAgreement> agreements;  ///< without the baseline
  std::vector<QualityRecord> quality;       ///< as measured; empty where the experiment did not ask
  std::vector<DisturbedTrial> disturbed;    ///< those that count first
  std::vector<Outlier> outliers;
  std::vector<std::string> notes;          ///< run_notes
  std::optional<AnalysisResult> analysis;  ///< absent where no trial went well
  std::vector<FailureGroup> failures;
  std::vector<CheckResult> checks;  ///< of the experiment's targets
};

/// `folder` is named in the report; empty where that is nobody's business.
Report make_report(const RunData& run, const std::string& folder);

enum class JsonStyle { kIndented, kCompact };

/// As JSON by docs/run_report.schema.json; indented, it ends with a newline.
std::string report_json(const Report& report, JsonStyle style = JsonStyle::kIndented);

}  // namespace inferbench
