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

/// Where a trial's greedy ids first differ from the baseline's on the same prompt.
struct Divergence {
  std::int32_t token = 0;     ///< of the generated ones, from 0: the earliest of any sequence
  std::int32_t sequence = 0;  ///< of the batch: the lowest that differs there
  /// By how much the baseline's logits there prefer its own id to the trial's; absent where it could not be asked.
  std::optional<double> margin;
  bool wide = false;  ///< more than the trial's precision explains
};

/// One row of trials.jsonl: what was planned, and what came of it. Complete in itself, so that folders merge.
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
  double duration_s = 0;  ///< wall time of the whole trial, with the load and the warm-up that it needed
  /// 0, or how often the trial was run before because something had disturbed its block. Which attempt counts:
  /// choose_attempts.
  std::int32_t attempt = 0;
  std::string disturbed_by;                      ///< one line; empty where nothing was seen
  std::optional<double> decode_bandwidth_share;  ///< of the machine's limit, see limit_share.hpp
  std::optional<double> prefill_peak_share;      ///< the same
  std::optional<bool> same_output;               ///< as the baseline in the same block; absent: nothing to compare with
  std::optional<Divergence> divergence;          ///< where it is not, and the place is known
  LoadOutcome load;                              ///< of the model that it ran on
  TrialOutcome outcome;

  bool warm_up() const { return block < 0; }
  bool disturbed() const { return !disturbed_by.empty(); }
  bool ok() const { return outcome.status == TrialStatus::kOk; }
};

/// One line of JSON without the newline.
std::string to_json_line(const TrialRecord& record);

/// The reverse. Throws Error that says what is missing or wrong.
TrialRecord parse_trial_record(std::string_view line);

}  // namespace inferbench
