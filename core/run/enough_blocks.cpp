// SPDX-License-Identifier: Apache-2.0
#include "run/enough_blocks.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "experiment/metrics.hpp"
#include "results/paired_ratio.hpp"

namespace inferbench {

namespace {

using Trials = std::vector<const TrialRecord*>;

Trials trials_of(const Trials& trials, const std::string& contender) {
  Trials found;
  std::copy_if(trials.begin(), trials.end(), std::back_inserter(found),
               [&](const TrialRecord* trial) { return trial->contender == contender; });
  return found;
}

bool ran_in(const Trials& trials, std::int32_t block) {
  return std::any_of(trials.begin(), trials.end(),
                     [&](const TrialRecord* trial) { return trial->block == block && trial->ok(); });
}

bool narrow(const std::optional<SpeedRatio>& ratio, double share) {
  if (!ratio) return true;  // these trials don't have this metric, for example decode with one token
  return ratio->interval && ratio->interval->high <= ratio->ratio * (1 + share);
}

bool known_after(const Trials& contender, const Trials& baseline, std::int32_t blocks, double share) {
  std::vector<std::string> metrics = metrics_with(&Metric::headline);
  metrics.emplace_back("output_tokens_per_s");  // of scenarios, which have neither of those
  return std::all_of(metrics.begin(), metrics.end(), [&](const std::string& metric) {
    return narrow(paired_ratio(metric, contender, baseline, blocks), share);
  });
}

double minutes_of(const Trials& trials) {
  double seconds = 0;
  for (const TrialRecord* trial : trials) seconds += trial->duration_s;
  return seconds / 60;
}

}  // namespace

bool enough_blocks(const Experiment& experiment, const Trials& trials, std::int32_t blocks) {
  if (blocks < experiment.measure.blocks) return false;
  if (!experiment.measure.until) return true;
  const Until& until = *experiment.measure.until;
  if (blocks >= until.max_blocks || minutes_of(trials) >= until.max_minutes) return true;
  const Trials baseline = trials_of(trials, experiment.baseline);
  if (!ran_in(baseline, blocks - 1)) return true;
  return std::all_of(experiment.contenders.begin(), experiment.contenders.end(), [&](const Contender& contender) {
    if (contender.name == experiment.baseline) return true;
    const Trials ours = trials_of(trials, contender.name);
    if (!ran_in(ours, blocks - 1)) return true;
    return known_after(ours, baseline, blocks, until.ratio_interval) &&
           known_after(ours, baseline, blocks - 1, until.ratio_interval);
  });
}

}  // namespace inferbench
