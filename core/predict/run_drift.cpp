// SPDX-License-Identifier: Apache-2.0
#include "predict/run_drift.hpp"

#include <algorithm>

namespace inferbench {

namespace {

constexpr double kAssumedTimeDrift = 0.2;
constexpr double kAssumedMemoryDrift = 0.015;

bool same_configuration(const Sample& a, const Sample& b) {
  return a.setting.contender == b.setting.contender && a.setting.limits == b.setting.limits && a.model == b.model &&
         a.workload == b.workload;
}

bool has_ok_trial(const RunData& run) {
  return std::any_of(run.trials.begin(), run.trials.end(), [](const auto& t) { return t.ok() && !t.warm_up(); });
}

// The samples of the runs for which `chosen`(index) is true.
template <typename Chosen>
std::vector<Sample> samples_of(std::span<const RunData> runs, std::span<const MachineLimits* const> limits,
                               Chosen chosen) {
  std::vector<RunData> data;
  std::vector<const MachineLimits*> machines;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!chosen(i) || !has_ok_trial(runs[i])) continue;
    data.push_back(runs[i]);
    machines.push_back(limits[i]);
  }
  return data.empty() ? std::vector<Sample>() : collect_samples(data, machines).samples;
}

// The predictions of one fold: trained on the others outside the fold, tested on the run's own samples inside it.
void predict_fold(const std::string& target, Method method, std::span<const Sample> samples, std::size_t n_others,
                  const Scheme& scheme, const Scheme::Fold& fold, std::vector<HeldOut>& held_out) {
  std::vector<bool> left_out(samples.size(), false);
  for (const std::size_t i : fold.samples) left_out[i] = true;
  std::vector<const Sample*> training;
  for (std::size_t i = 0; i < n_others; ++i) {
    if (!left_out[i] && samples[i].measured.contains(target)) training.push_back(&samples[i]);
  }
  if (training.empty()) return;
  const TargetModel model = fit_target(target, method, training);
  for (std::size_t i = n_others; i < samples.size(); ++i) {
    const auto measured = samples[i].measured.find(target);
    if (!left_out[i] || measured == samples[i].measured.end()) continue;
    const double predicted = model.predict(samples[i].setting, samples[i].workload);
    if (predicted > 0) held_out.push_back({i - n_others, scheme.name, fold.edge, predicted, measured->second});
  }
}

}  // namespace

std::vector<LeftOutRun> leave_runs_out(std::span<const RunData> runs, std::span<const MachineLimits* const> limits) {
  std::vector<LeftOutRun> left_out;
  if (runs.size() < 2) return left_out;
  for (std::size_t run = 0; run < runs.size(); ++run) {
    LeftOutRun one{samples_of(runs, limits, [&](std::size_t i) { return i == run; }),
                   samples_of(runs, limits, [&](std::size_t i) { return i != run; })};
    std::erase_if(one.own, [&](const Sample& sample) {
      return std::none_of(one.others.begin(), one.others.end(),
                          [&](const Sample& other) { return same_configuration(sample, other); });
    });
    if (!one.own.empty()) left_out.push_back(std::move(one));
  }
  return left_out;
}

std::vector<HeldOut> predict_left_out_runs(const std::string& target, Method method, std::span<const LeftOutRun> runs) {
  std::vector<HeldOut> held_out;
  for (const LeftOutRun& run : runs) {
    std::vector<Sample> samples = run.others;
    samples.insert(samples.end(), run.own.begin(), run.own.end());
    for (const Scheme& scheme : validation_schemes(samples)) {
      for (const Scheme::Fold& fold : scheme.folds) {
        predict_fold(target, method, samples, run.others.size(), scheme, fold, held_out);
      }
    }
  }
  return held_out;
}

double assumed_drift(const std::string& target) {
  return target.ends_with("_bytes") ? kAssumedMemoryDrift : kAssumedTimeDrift;
}

}  // namespace inferbench
