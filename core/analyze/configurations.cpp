// SPDX-License-Identifier: Apache-2.0
#include "analyze/configurations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "results/metric_values.hpp"
#include "stats/summary.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

// One name, one meaning: else the trials of two backends would be taken for repetitions of each other.
void check_names(std::span<const RunData> runs) {
  struct Meaning {
    const Contender* contender;
    const RunInfo* run;
  };
  std::map<std::string, Meaning> known;
  for (const RunData& run : runs) {
    for (const Contender& contender : run.info.contenders) {
      const auto [entry, added] = known.emplace(contender.name, Meaning{&contender, &run.info});
      const Contender& before = *entry->second.contender;
      if (added || (before.precision == contender.precision && before.options == contender.options)) continue;
      throw Error(fmt::format("contender '{}' is one thing in the run of {} and another in the run of {}",
                              contender.name, entry->second.run->started, run.info.started),
                  "take these runs one at a time");
    }
  }
}

auto key_of(const std::string& contender, const Point& point) {
  return std::make_pair(contender, point);
}

void add_run(const RunData& run, std::size_t index, std::vector<MeasuredConfiguration>& all) {
  std::map<std::string, ModelIdentity> models;
  for (const ModelIdentity& model : run.info.models) models.emplace(model.reference, model);
  std::map<decltype(key_of({}, {})), std::size_t> places;
  for (const TrialRecord& trial : run.trials) {
    if (trial.warm_up() || !trial.ok() || !trial.outcome.metrics) continue;
    const auto [place, added] = places.emplace(key_of(trial.contender, trial.point), all.size());
    if (added) {
      const ModelIdentity& model = models[trial.point.model];
      all.push_back({trial.contender,
                     trial.precision,
                     trial.point,
                     model.name.empty() ? trial.point.model : model.name,
                     model.n_parameters,
                     model.shape,
                     index,
                     {}});
    }
    all[place->second].trials.push_back(&trial);
  }
}

}  // namespace

std::optional<double> MeasuredConfiguration::median(std::string_view metric) const {
  std::vector<double> values;
  for (const TrialRecord* trial : trials) {
    if (const auto value = metric_value(*trial, metric)) values.push_back(*value);
  }
  return inferbench::median(values);
}

std::vector<MeasuredConfiguration> measured_configurations(std::span<const RunData> runs) {
  check_names(runs);
  std::vector<MeasuredConfiguration> all;
  for (std::size_t i = 0; i < runs.size(); ++i) add_run(runs[i], i, all);
  return all;
}

}  // namespace inferbench
