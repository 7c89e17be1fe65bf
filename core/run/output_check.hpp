// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "results/quality_record.hpp"
#include "results/trial_record.hpp"
#include "run/prompt_source.hpp"
#include "run/warm_up.hpp"
#include "worker/quality_requests.hpp"

namespace inferbench {

/// A trial that has ended, with its row.
struct EndedTrial {
  PlannedTrial trial;
  TrialRecord record;
};

/// Looks at what trials emit, before their rows are written.
///
/// In an attempt at a block every contender gets the same prompt: each trial's greedy ids are compared with the
/// baseline's, and where they part, the baseline is asked how close the choice was. A row that ends before the
/// baseline's of its attempt waits for that. The same contender must emit the same ids whenever it gets the same
/// prompt, in any process; a contender that broke its quality bound has no good trials: both are `wrong_output`.
class OutputCheck {
 public:
  /// Asks the loaded baseline; a status other than ok where it is not loaded.
  using AskMargin = std::function<MarginOutcome(const MarginRequest&)>;

  /// All borrowed, and outlive this. `quality`: of this run.
  OutputCheck(const Experiment& experiment, const PromptSource& prompts, const std::vector<QualityRecord>& quality,
              AskMargin ask_margin);

  /// A row that an earlier run wrote into the same folder.
  void remember(const TrialRecord& written);

  /// Takes the next row, and what its process ran before it where that was new; returns the rows that are ready to be
  /// written, in order.
  std::vector<EndedTrial> add(const PlannedTrial& trial, TrialRecord record, const std::optional<WarmUp>& warm_up = {});

  /// What still waits, as it is.
  std::vector<EndedTrial> flush();

 private:
  void judge_quality(TrialRecord& record) const;
  void judge_repetition(TrialRecord& record, const std::optional<WarmUp>& warm_up);
  void compare(EndedTrial& ended) const;
  bool is_wide(const TrialRecord& record, const MarginOutcome& margin) const;
  const QualityRecord* quality_of(const TrialRecord& record) const;

  const Experiment& experiment_;
  const PromptSource& prompts_;
  const std::vector<QualityRecord>& quality_;
  AskMargin ask_margin_;
  /// contender and prompt stream of a point -> digest
  std::map<std::string, std::string> digests_;
  /// Of blocks' attempts in which an earlier run had the baseline: its digest; its ids are gone.
  std::map<std::string, std::string> written_baselines_;
  std::string attempt_;              ///< of the rows below: point, block, repeat and attempt
  std::vector<std::int32_t> ids_;    ///< the baseline's in this attempt; empty: none
  std::string digest_;               ///< the same
  bool baseline_ended_ = false;      ///< in this attempt, however
  std::vector<EndedTrial> waiting_;  ///< for the baseline
};

}  // namespace inferbench
