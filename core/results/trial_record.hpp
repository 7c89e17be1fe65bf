// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "measure/outcome.hpp"

namespace inferbench {

/// The first difference between a trial's greedy ids and the baseline's for the same prompt.
struct Divergence {
  std::int32_t token = 0;     ///< index of the generated token, from 0: the earliest of any sequence
  std::int32_t sequence = 0;  ///< index in the batch: the lowest that differs at that token
  /// How much the baseline's logits there prefer its own id to the trial's; absent if they could not be queried.
  std::optional<double> margin;
  bool wide = false;  ///< more than the trial's precision can explain
};

/// One row of trials.jsonl: the plan and the result. Self-contained, so that folders can be merged.
struct TrialRecord {
  std::string id;         ///< PlannedTrial::id()
  std::string contender;  ///< its name
  std::string backend;    ///< the plugin's name
  std::string precision;
  Point point;
  std::int32_t block = 0;  ///< -1 for warm-up
  std::int32_t repeat = 0;
  std::uint64_t prompt_stream = 0;
  std::string started;    ///< UTC, ISO 8601
  double duration_s = 0;  ///< wall time of the entire trial, including its load and warm-up
  /// 0, or how often the trial was run before because its block was disturbed. choose_attempts decides which attempt
  /// counts.
  std::int32_t attempt = 0;
  std::string node;          ///< the machine of a cluster (node_name.hpp); empty if no scheduler names it
  std::string disturbed_by;  ///< one line; empty if no disturbance was seen
  std::optional<double> decode_bandwidth_share;  ///< share of the machine's limit, see limit_share.hpp
  std::optional<double> prefill_peak_share;      ///< the same
  std::optional<bool> same_output;       ///< equal to the baseline's in the same block; absent: nothing to compare with
  std::optional<Divergence> divergence;  ///< present if the output differs and the place is known
  LoadOutcome load;                      ///< of the model used
  TrialOutcome outcome;

  bool warm_up() const { return block < 0; }
  bool disturbed() const { return !disturbed_by.empty(); }
  bool ok() const { return outcome.status == TrialStatus::kOk; }
};

/// One line of JSON without the newline.
std::string to_json_line(const TrialRecord& record);

/// Parses such a line. Throws Error that says what is missing or wrong.
TrialRecord parse_trial_record(std::string_view line);

}  // namespace inferbench
