// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "results/quality_record.hpp"
#include "results/run_info.hpp"
#include "results/trial_record.hpp"
#include "run/prompt_source.hpp"
#include "run/warm_up.hpp"
#include "worker/quality_requests.hpp"

namespace inferbench {

/// A finished trial with its row.
struct EndedTrial {
  PlannedTrial trial;
  TrialRecord record;
};

/// Checks the output of trials before their rows are written.
///
/// In one attempt at a block every contender gets the same prompt. Each trial's greedy ids are compared with the
/// baseline's, and at the first difference the baseline is asked how close its choice was. Rows that are finished
/// before the baseline's row of the same attempt wait for it. A contender must always produce the same ids for the same
/// prompt, in every process, and it must be within its quality bound; otherwise its trials are `wrong_output`.
class OutputCheck {
 public:
  /// Asks the loaded baseline; the status is not ok if it is not loaded.
  using AskMargin = std::function<MarginOutcome(const MarginRequest&)>;

  /// All arguments are borrowed and must outlive this object. `plugins`: of the contenders. `quality`: the quality rows
  /// of this run.
  OutputCheck(const Experiment& experiment, std::span<const PluginIdentity> plugins, const PromptSource& prompts,
              const std::vector<QualityRecord>& quality, AskMargin ask_margin);

  /// Remembers a row that an earlier run wrote into the same folder.
  void remember(const TrialRecord& written);

  /// Takes the next row and, if its process was new, the warm-up that it ran first. Returns the rows that are ready to
  /// be written, in order.
  std::vector<EndedTrial> add(const PlannedTrial& trial, TrialRecord record, const std::optional<WarmUp>& warm_up = {});

  /// Returns the rows that still wait, without comparing them.
  std::vector<EndedTrial> flush();

 private:
  void judge_quality(TrialRecord& record) const;
  void judge_repetition(TrialRecord& record, const std::optional<WarmUp>& warm_up);
  void compare(EndedTrial& ended) const;
  bool is_wide(const TrialRecord& record, const MarginOutcome& margin) const;
  const QualityRecord* quality_of(const TrialRecord& record) const;

  const Experiment& experiment_;
  std::span<const PluginIdentity> plugins_;
  const PromptSource& prompts_;
  const std::vector<QualityRecord>& quality_;
  AskMargin ask_margin_;
  /// contender, point and prompt stream -> digest
  std::map<std::string, std::string> digests_;
  /// The baseline's digest in attempts that an earlier run finished; its ids were not kept.
  std::map<std::string, std::string> written_baselines_;
  std::string attempt_;              ///< the attempt of the rows below: point, block, repeat and attempt
  std::vector<std::int32_t> ids_;    ///< of the baseline in this attempt; empty: none
  std::string digest_;               ///< of the baseline in this attempt
  bool baseline_ended_ = false;      ///< the baseline's trial of this attempt is over, successful or not
  std::vector<EndedTrial> waiting_;  ///< rows that wait for the baseline
};

}  // namespace inferbench
