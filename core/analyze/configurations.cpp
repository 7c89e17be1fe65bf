// SPDX-License-Identifier: Apache-2.0
#include "analyze/configurations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "model/distinct_names.hpp"
#include "results/metric_values.hpp"
#include "results/model_identity.hpp"
#include "stats/summary.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

// One name must have one meaning. Otherwise the trials of two backends would count as repetitions of each other.
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
      throw Error(fmt::format("contender '{}' has different settings in the run of {} and in the run of {}",
                              contender.name, entry->second.run->started, run.info.started),
                  "analyze these runs one at a time");
    }
  }
}

// The models of several runs. A model that another run keeps elsewhere gets its first reference. A different model at
// the same place, such as new weights, gets a reference of its own.
class KnownModels {
 public:
  ModelIdentity find(const RunInfo& run, const std::string& reference) {
    ModelIdentity model{reference, reference, {}, 0, std::nullopt, false};
    if (const ModelIdentity* told = find_model(run, reference)) model = *told;
    for (const Known& known : known_) {
      const bool same = model.sha256.empty() ? known.model.reference == reference : same_model(known.model, model);
      if (same) return with_reference(model, known.reference);
    }
    const bool taken =
        std::any_of(known_.begin(), known_.end(), [&](const Known& known) { return known.reference == reference; });
    known_.push_back(
        {model, taken ? fmt::format("{} (SHA-256 {})", reference, model.sha256.substr(0, 12)) : reference});
    return with_reference(model, known_.back().reference);
  }

  /// Reference -> short name, distinct among all models.
  std::map<std::string, std::string> names() const {
    std::vector<NamedModel> named;
    for (const Known& known : known_) named.push_back({known.reference, known.model.name});
    const std::vector<std::string> distinct = distinct_names(named);
    std::map<std::string, std::string> names;
    for (std::size_t i = 0; i < known_.size(); ++i) names.emplace(known_[i].reference, distinct[i]);
    return names;
  }

 private:
  struct Known {
    ModelIdentity model;
    std::string reference;  // unique among all runs
  };

  static ModelIdentity with_reference(ModelIdentity model, const std::string& reference) {
    model.reference = reference;
    return model;
  }

  std::vector<Known> known_;
};

void add_run(const RunData& run, std::size_t index, KnownModels& models, std::vector<MeasuredConfiguration>& all) {
  std::map<std::pair<std::string, Point>, std::size_t> places;
  for (const TrialRecord& trial : run.trials) {
    if (trial.warm_up() || !trial.ok() || !trial.outcome.metrics) continue;  // scenarios have other axes
    const auto [place, added] = places.emplace(std::pair(trial.contender, trial.point), all.size());
    if (added) {
      const ModelIdentity model = models.find(run.info, trial.point.model);
      Point point = trial.point;
      point.model = model.reference;
      all.push_back({trial.contender,
                     trial.precision,
                     precision_of(run.info.plugins, trial.contender, trial.precision),
                     std::move(point),
                     model.name,
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
  const Metric& row = one_value_metric(metric);
  std::vector<double> values;
  for (const TrialRecord* trial : trials) {
    if (const auto value = metric_value(*trial, row)) values.push_back(*value);
  }
  return inferbench::median(values);
}

std::vector<MeasuredConfiguration> measured_configurations(std::span<const RunData> runs) {
  check_names(runs);
  std::vector<MeasuredConfiguration> all;
  KnownModels models;
  for (std::size_t i = 0; i < runs.size(); ++i) add_run(runs[i], i, models, all);
  const std::map<std::string, std::string> names = models.names();
  for (MeasuredConfiguration& configuration : all) configuration.model_name = names.at(configuration.point.model);
  return all;
}

}  // namespace inferbench
