// SPDX-License-Identifier: Apache-2.0
// Runs that `inferbench check` and `compare` judge in their tests.
#pragma once

#include <gmock/gmock.h>

#include <cmath>
#include <string>
#include <vector>

#include "report/check.hpp"
#include "report/regression_rules.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench::test {

// One point. quant takes `quant_ms` per token, reference 10 ms, with noise of about +-1% that is not shared within
// pairs.
inline RunData checked_run(double quant_ms, std::int32_t blocks = 8) {
  RunData run{sample_info(), {}};
  run.info.points.resize(1);
  for (std::int32_t block = 0; block < blocks; ++block) {
    run.trials.push_back(sample_trial("reference", block, 10 * (1 + 0.01 * std::sin(block))));
    run.trials.push_back(sample_trial("quant", block, quant_ms * (1 + 0.01 * std::cos(3 * block))));
  }
  return run;
}

inline Target target(const std::string& metric, bool at_least, double value, bool times_baseline) {
  Target made;
  made.contender = "quant";
  made.metric = metric;
  made.at_least = at_least;
  made.value = value;
  made.times_baseline = times_baseline;
  return made;
}

inline CheckVerdict verdict_of(const RunData& run, const Target& wanted) {
  const auto results = check_targets(run, {wanted});
  EXPECT_THAT(results, testing::SizeIs(1));
  return results.at(0).verdict;
}

inline RegressionOptions within(double threshold, const std::vector<std::string>& metrics) {
  return {{{"", "", {}, threshold}}, metrics};
}

inline RunData with_status(RunData run, const std::string& contender, TrialStatus status) {
  for (auto& trial : run.trials) {
    if (trial.contender == contender) trial = failed_trial(contender, trial.block, status, "as made");
  }
  return run;
}

// A batch and a scenario, whose trials have different metrics.
inline RunData mixed_run() {
  RunData run = checked_run(5);
  Point load = run.info.points[0];
  load.scenario = "offline";
  run.info.points.push_back(load);
  for (std::int32_t block = 0; block < 8; ++block) {
    TrialRecord trial = sample_trial("quant", block, 5);
    trial.point = load;
    trial.outcome.metrics.reset();
    trial.outcome.serving.emplace().metrics.output_tokens_per_s = 1000 + block;
    run.trials.push_back(trial);
  }
  return run;
}

inline QualityRecord quality_of(const std::string& contender, double kl, double perplexity) {
  QualityRecord record;
  record.contender = contender;
  record.model = "synthetic:gpt2";
  record.text = "/texts/wiki.txt";
  record.status = TrialStatus::kOk;
  Agreement& agreement = record.agreement.emplace();
  agreement.windows = 4;
  agreement.tokens = 1000;
  agreement.perplexity.value = perplexity;
  auto& reference = agreement.reference.emplace();
  reference.kl.value = kl;
  reference.top1.value = 1 - kl;
  return record;
}

}  // namespace inferbench::test
