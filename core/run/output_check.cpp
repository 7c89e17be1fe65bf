// SPDX-License-Identifier: Apache-2.0
#include "run/output_check.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "quality/bounds.hpp"

namespace inferbench {

namespace {

std::string attempt_of(const TrialRecord& record) {
  return fmt::format("{}\n{} {} {} {}", record.point.model, workload_text(record.point), record.block, record.repeat,
                     record.attempt);
}

// The key under which digests must be equal: same contender, point and prompt.
std::string prompt_of(const TrialRecord& record, std::uint64_t stream) {
  return fmt::format("{}\n{}\n{} {}", record.contender, record.point.model, workload_text(record.point), stream);
}

// The first position where row-major [generate_tokens, batch] ids differ. Both must have the same size and differ.
Divergence find_divergence(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b, std::int32_t batch) {
  const auto at = static_cast<std::int32_t>(std::mismatch(a.begin(), a.end(), b.begin()).first - a.begin());
  Divergence divergence;
  divergence.token = at / batch;
  divergence.sequence = at % batch;
  return divergence;
}

}  // namespace

OutputCheck::OutputCheck(const Experiment& experiment, std::span<const PluginIdentity> plugins,
                         const PromptSource& prompts, const std::vector<QualityRecord>& quality, AskMargin ask_margin)
    : experiment_(experiment),
      plugins_(plugins),
      prompts_(prompts),
      quality_(quality),
      ask_margin_(std::move(ask_margin)) {}

void OutputCheck::remember(const TrialRecord& written) {
  if (written.ok()) digests_.emplace(prompt_of(written, written.prompt_stream), written.outcome.digest);
  if (written.contender == experiment_.baseline) written_baselines_[attempt_of(written)] = written.outcome.digest;
}

std::vector<EndedTrial> OutputCheck::add(const PlannedTrial& trial, TrialRecord record,
                                         const std::optional<WarmUp>& warm_up) {
  std::vector<EndedTrial> ready;
  if (attempt_of(record) != attempt_) {
    ready = flush();
    attempt_ = attempt_of(record);
    ids_.clear();
    const auto written = written_baselines_.find(attempt_);
    baseline_ended_ = written != written_baselines_.end();
    digest_ = baseline_ended_ ? written->second : std::string();
  }
  judge_repetition(record, warm_up);
  waiting_.push_back({trial, std::move(record)});
  EndedTrial& ended = waiting_.back();
  if (ended.record.contender == experiment_.baseline) {
    baseline_ended_ = true;
    ids_ = ended.record.outcome.ids;
    digest_ = ended.record.outcome.digest;
  }
  if (!baseline_ended_) return ready;
  for (EndedTrial& waiting : waiting_) compare(waiting);
  for (EndedTrial& waiting : flush()) ready.push_back(std::move(waiting));
  return ready;
}

std::vector<EndedTrial> OutputCheck::flush() {
  for (EndedTrial& ended : waiting_) {
    judge_quality(ended.record);
    ended.record.outcome.ids.clear();  // the row has only the digest
  }
  return std::exchange(waiting_, {});
}

const QualityRecord* OutputCheck::quality_of(const TrialRecord& record) const {
  const auto found = std::find_if(quality_.begin(), quality_.end(), [&](const QualityRecord& quality) {
    return quality.contender == record.contender && quality.model == record.point.model;
  });
  return found == quality_.end() ? nullptr : &*found;
}

void OutputCheck::judge_quality(TrialRecord& record) const {
  const QualityRecord* quality = quality_of(record);
  if (!record.ok() || quality == nullptr || quality->status != TrialStatus::kWrongOutput) return;
  record.outcome.status = TrialStatus::kWrongOutput;
  record.outcome.error = "quality: " + quality->error;
}

void OutputCheck::judge_repetition(TrialRecord& record, const std::optional<WarmUp>& warm_up) {
  if (!record.ok()) return;
  const auto differs = [&](std::uint64_t stream, const std::string& digest) {
    return digests_.emplace(prompt_of(record, stream), digest).first->second != digest;
  };
  const bool first_differs = warm_up && differs(warm_up->prompt_stream, warm_up->digest);
  if (!differs(record.prompt_stream, record.outcome.digest) && !first_differs) return;
  record.outcome.status = TrialStatus::kWrongOutput;
  record.outcome.error = first_differs ? "another process of this run produced different token ids for the same prompt"
                                       : "produced different token ids for the same prompt";
}

void OutputCheck::compare(EndedTrial& ended) const {
  TrialRecord& record = ended.record;
  if (record.contender == experiment_.baseline || !record.ok() || digest_.empty()) return;
  record.same_output = record.outcome.digest == digest_;
  const std::vector<std::int32_t>& ids = record.outcome.ids;
  if (*record.same_output || ids_.empty() || ids.size() != ids_.size()) return;
  const std::int32_t batch = record.point.batch;
  Divergence divergence = find_divergence(ids_, ids, batch);
  const auto at = static_cast<std::size_t>(divergence.token) * static_cast<std::size_t>(batch) +
                  static_cast<std::size_t>(divergence.sequence);
  MarginRequest request;
  request.own = ids_[at];
  request.other = ids[at];
  request.timeout_s = experiment_.limits.timeout_s;
  const auto prompts = prompts_.prompts_for(ended.trial.point, record.prompt_stream);
  const auto length = static_cast<std::ptrdiff_t>(record.point.past_tokens) + record.point.prompt_tokens;
  const auto prompt = prompts.begin() + divergence.sequence * length;
  request.ids.assign(prompt, prompt + length);
  for (std::size_t i = static_cast<std::size_t>(divergence.sequence); i < at; i += static_cast<std::size_t>(batch)) {
    request.ids.push_back(ids_[i]);
  }
  const MarginOutcome margin = ask_margin_(request);
  if (margin.status == TrialStatus::kOk) {
    divergence.margin = margin.margin;
    divergence.wide = is_wide(record, margin);
  }
  record.divergence = divergence;
}

// The error of a difference of two logits is at most twice the error of one.
bool OutputCheck::is_wide(const TrialRecord& record, const MarginOutcome& margin) const {
  const QualityRecord* quality = quality_of(record);
  if (quality != nullptr && quality->agreement && quality->agreement->reference) {
    return !(margin.margin <= 2 * quality->agreement->reference->greatest_error.value);
  }
  const auto error = default_logit_error(precision_of(plugins_, record.contender, record.precision));
  return error && !(margin.margin <= 2 * *error * margin.deviation);
}

}  // namespace inferbench
