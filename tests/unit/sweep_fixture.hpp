// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "model/model.hpp"
#include "results/run_folder.hpp"
#include "unit/results_fixture.hpp"

namespace inferbench::test {

/// The times in milliseconds and sizes in bytes of a simulated machine.
struct MadeUpTimes {
  double ttft_ms = 1;
  double decode_ms = 1;
  double peak_bytes = 1e6;
  double load_peak_bytes = 1e6;
};

/// A sweep whose trials follow a law known to the test, times exp(noise x a standard normal).
struct MadeUpSweep {
  std::vector<Contender> contenders{{"reference", "cpu_ref", "fp32", {}}};
  std::vector<std::string> models{"synthetic:gpt2"};
  std::vector<std::int32_t> prompts{32};
  std::vector<std::int32_t> batches{1};
  std::vector<std::int32_t> threads{2};
  std::int32_t generate = 8;
  std::int32_t blocks = 3;
  double noise = 0;
  std::uint64_t seed = 1;
  std::function<MadeUpTimes(const Contender&, const ModelConfig&, const Point&)> law;
};

inline TrialRecord made_up_trial(const Contender& contender, const Point& point, std::int32_t block,
                                 const MadeUpTimes& times) {
  TrialRecord trial = sample_trial(contender.name, block, 1);
  trial.id = fmt::format("{}.{}.{}.{}.{}.{}", point.model, point.prompt_tokens, point.batch, point.threads,
                         contender.name, block);
  trial.backend = contender.plugin;
  trial.precision = contender.precision;
  trial.point = point;
  TrialTimes at{0, {}};
  for (std::int32_t i = 0; i < point.generate_tokens; ++i) {
    at.tokens.push_back(static_cast<std::uint64_t>(std::llround(1e6 * (times.ttft_ms + i * times.decode_ms))));
  }
  trial.outcome.metrics = derive_metrics(at, point.batch, point.prompt_tokens);
  trial.outcome.memory.peak_rss_bytes = static_cast<std::uint64_t>(times.peak_bytes);
  trial.load.peak_rss_bytes = static_cast<std::uint64_t>(times.load_peak_bytes);
  return trial;
}

inline RunData made_up_run(const MadeUpSweep& sweep) {
  std::mt19937_64 random(sweep.seed);
  std::normal_distribution<double> normal(0, 1);
  const auto noisy = [&](double value) { return value * std::exp(sweep.noise * normal(random)); };
  RunData run{sample_info(), {}};
  run.info.contenders = sweep.contenders;
  run.info.baseline = sweep.contenders.front().name;
  run.info.blocks = sweep.blocks;
  run.info.points.clear();
  run.info.models.clear();
  for (const std::string& reference : sweep.models) {
    const Model model = Model::open(reference);
    run.info.models.push_back({reference, model.name(), "cc", model.n_parameters(), model.config()});
    for (const std::int32_t prompt : sweep.prompts) {
      for (const std::int32_t batch : sweep.batches) {
        for (const std::int32_t threads : sweep.threads) {
          run.info.points.push_back({reference, prompt, sweep.generate, batch, threads});
        }
      }
    }
  }
  for (const Point& point : run.info.points) {
    const ModelConfig shape = Model::open(point.model).config();
    for (std::int32_t block = 0; block < sweep.blocks; ++block) {
      for (const Contender& contender : sweep.contenders) {
        MadeUpTimes times = sweep.law(contender, shape, point);
        times.ttft_ms = noisy(times.ttft_ms);
        times.decode_ms = noisy(times.decode_ms);
        run.trials.push_back(made_up_trial(contender, point, block, times));
      }
    }
  }
  run.info.planned_trials = run.trials.size();
  return run;
}

}  // namespace inferbench::test
