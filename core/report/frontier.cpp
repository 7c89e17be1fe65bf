// SPDX-License-Identifier: Apache-2.0
#include "report/frontier.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <string_view>
#include <utility>

#include "inferbench/decoder.hpp"
#include "report/comparison.hpp"
#include "report/serving_settings.hpp"
#include "results/metric_values.hpp"
#include "results/model_identity.hpp"
#include "serve/scenario.hpp"
#include "stats/summary.hpp"

namespace inferbench {

namespace {

using Trials = TrialIndex::Trials;

constexpr double kSecondsPerHour = 3600;

// ---- the loads of a run ----

// The load of a scenario; nullopt for scenarios that have none.
std::optional<double> load_of(const Scenario& scenario) {
  if (scenario.kind == ScenarioKind::kOpen) return scenario.rate;
  if (scenario.kind == ScenarioKind::kClosed) return scenario.concurrency;
  return std::nullopt;
}

// The point with its load left out, so that points of one sweep are equal.
Point without_load(Point point, const Scenario& scenario) {
  point.scenario = to_string(scenario.kind);
  if (scenario.arrivals == ArrivalProcess::kConstant) point.scenario += " constant";
  if (scenario.delivery != Delivery::kNone) point.scenario += ", " + std::string(to_string(scenario.delivery));
  return point;
}

std::vector<std::vector<std::size_t>> sweeps_of(const RunInfo& info) {
  std::map<Point, std::vector<std::pair<double, std::size_t>>> groups;
  std::vector<Point> order;
  for (std::size_t i = 0; i < info.points.size(); ++i) {
    const auto scenario = scenario_from(info.points[i].scenario);
    const auto load = scenario ? load_of(*scenario) : std::nullopt;
    if (!load) continue;
    const Point group = without_load(info.points[i], *scenario);
    if (!groups.contains(group)) order.push_back(group);
    groups[group].emplace_back(*load, i);
  }
  std::vector<std::vector<std::size_t>> sweeps;
  for (const Point& group : order) {
    auto& loads = groups[group];
    if (loads.size() < 2) continue;
    std::sort(loads.begin(), loads.end());
    std::vector<std::size_t>& sweep = sweeps.emplace_back();
    for (const auto& [load, point] : loads) sweep.push_back(point);
  }
  return sweeps;
}

// ---- one contender ----

// A load at which requests fail is none that the contender serves: fewer requests make the others quick.
std::optional<LoadSpeed> speed_of(const TrialRecord& trial) {
  if (metric_value(trial, "success_rate") != 1.0) return std::nullopt;
  const auto step_ms = metric_value(trial, "decode_ms_per_token");
  const auto machine = metric_value(trial, "output_tokens_per_s");
  if (!step_ms || !machine || !(*step_ms > 0) || !(*machine > 0)) return std::nullopt;
  return LoadSpeed{1e3 / *step_ms, *machine};
}

double median_of(const std::vector<LoadSpeed>& speeds, double LoadSpeed::*field) {
  std::vector<double> values;
  for (const LoadSpeed& speed : speeds) values.push_back(speed.*field);
  return *median(values);
}

std::optional<double> median_tokens_per_joule(const Trials& trials) {
  std::vector<double> values;
  for (const TrialRecord* trial : trials) {
    const auto mj = trial->warm_up() ? std::nullopt : metric_value(*trial, "mj_per_token");
    if (mj && *mj > 0) values.push_back(1e3 / *mj);
  }
  return median(values);
}

// What the calls of this contender cost at least on this machine.
LoadCosts costs_of(const RunInfo& info, const TrialRecord& trial, const ServingTotals& totals) {
  LoadCosts costs;
  costs.bytes_per_call = static_cast<double>(trial.load.decode_weights_bytes);
  const ModelIdentity* model = find_model(info, trial.point.model);
  if (model != nullptr && model->shape) {
    const ib_model_desc desc = model_desc(*model->shape);
    const double tokens = totals.prefill_tokens + totals.decode_tokens;
    costs.operations = decoder::kOpsPerWeight *
                       (decoder::linear_weights(desc) * tokens + decoder::head_weights(desc) * totals.decode_tokens);
  }
  const ThreadLimits* limits = info.machine ? info.machine->find(trial.point.threads) : nullptr;
  if (limits == nullptr) return costs;
  costs.bytes_per_s = read_bandwidth_near(*limits, trial.load.decode_weights_bytes);
  const auto precision = precision_of(info.plugins, trial.contender, trial.precision);
  costs.operations_per_s = multiplies_integers(precision) ? limits->int8_ops_per_s.best : limits->fp32_flops_per_s.best;
  return costs;
}

LoadBound bound_of(const RunInfo& info, const Trials& trials, bool on_cpus) {
  ServingTotals sum;
  const TrialRecord* last = nullptr;
  for (const TrialRecord* trial : trials) {
    if (trial->warm_up() || !trial->ok() || !trial->outcome.serving) continue;
    const ServingTotals& totals = trial->outcome.serving->totals;
    sum.steps += totals.steps;
    sum.forward_s += totals.forward_s;
    sum.scheduler_s += totals.scheduler_s;
    sum.idle_s += totals.idle_s;
    sum.prefill_tokens += totals.prefill_tokens;
    sum.decode_tokens += totals.decode_tokens;
    last = trial;
  }
  if (last == nullptr) return {};
  return load_bound(sum, on_cpus ? costs_of(info, *last, sum) : LoadCosts{});
}

// ---- one sweep ----

/// Speeds of one contender by block: one for each load that any block has, in order of load, of the blocks that have
/// all of these.
std::map<std::int32_t, std::vector<LoadSpeed>> whole_blocks(const TrialIndex& index, const LoadSweep& sweep,
                                                            std::size_t contender) {
  std::map<std::int32_t, std::vector<LoadSpeed>> blocks;
  std::size_t loads = 0;
  for (const std::size_t point : sweep.points) {
    bool any = false;
    for (const TrialRecord* trial : index.at(point, contender)) {
      const auto speed = trial->warm_up() ? std::nullopt : speed_of(*trial);
      if (speed) blocks[trial->block].push_back(*speed);
      any = any || speed;
    }
    if (any) ++loads;
  }
  std::erase_if(blocks, [&](const auto& block) { return block.second.size() != loads; });
  return blocks;
}

class SweepBuilder {
 public:
  SweepBuilder(const RunData& run, const TrialIndex& index, const Frontiers& settings)
      : info_(run.info), index_(index), settings_(settings), baseline_(baseline_index(run.info)) {}

  LoadSweep build(std::vector<std::size_t> points) const {
    LoadSweep sweep;
    sweep.points = std::move(points);
    for (std::size_t i = 0; i < info_.contenders.size(); ++i) {
      sweep.curves.push_back(curve(sweep, i));
      if (settings_.at) compare(sweep, i, sweep.curves.back());
    }
    return sweep;
  }

 private:
  LoadCurve curve(const LoadSweep& sweep, std::size_t contender) const {
    LoadCurve curve;
    curve.contender = info_.contenders[contender].name;
    std::vector<LoadSpeed> medians;
    for (const std::size_t point : sweep.points) {
      const Trials& trials = index_.at(point, contender);
      std::vector<LoadSpeed> blocks;
      for (const TrialRecord* trial : trials) {
        const auto speed = trial->warm_up() ? std::nullopt : speed_of(*trial);
        if (speed) blocks.push_back(*speed);
      }
      if (blocks.empty()) continue;
      LoadPoint& load = curve.loads.emplace_back();
      load.point = point;
      load.speed = {median_of(blocks, &LoadSpeed::per_user), median_of(blocks, &LoadSpeed::machine)};
      load.tokens_per_joule = median_tokens_per_joule(trials);
      load.bound = bound_of(info_, trials, !on_device(info_.contenders[contender]));
      if (settings_.cost) {
        load.cost_per_million = settings_.cost->per_hour / kSecondsPerHour / load.speed.machine * 1e6;
      }
      medians.push_back(load.speed);
    }
    const std::vector<bool> optimal = pareto_optimal(medians);
    for (std::size_t i = 0; i < curve.loads.size(); ++i) curve.loads[i].optimal = optimal[i];
    return curve;
  }

  void compare(const LoadSweep& sweep, std::size_t contender, LoadCurve& curve) const {
    const auto own = whole_blocks(index_, sweep, contender);
    const auto reference = baseline_ < info_.contenders.size() ? whole_blocks(index_, sweep, baseline_)
                                                               : std::map<std::int32_t, std::vector<LoadSpeed>>{};
    std::vector<double> reached;
    std::vector<double> paired;
    std::vector<double> paired_reference;
    for (const auto& [block, loads] : own) {
      const auto here = throughput_at(loads, *settings_.at);
      if (!here) continue;
      reached.push_back(*here);
      const auto found = reference.find(block);
      const auto there = found == reference.end() ? std::nullopt : throughput_at(found->second, *settings_.at);
      if (!there) continue;
      paired.push_back(*here);
      paired_reference.push_back(*there);
    }
    // A contender that fell short in most blocks does not reach it, and is not compared.
    if (2 * reached.size() > own.size()) curve.machine_at = median(reached);
    if (contender != baseline_ && 2 * paired.size() > own.size()) {
      curve.vs_baseline = paired_speed_ratio(paired, paired_reference);
    }
  }

  const RunInfo& info_;
  const TrialIndex& index_;
  const Frontiers& settings_;
  std::size_t baseline_;
};

// The loads on the frontier, by interactivity, ascending; throughput then falls.
std::vector<LoadSpeed> frontier(std::span<const LoadSpeed> loads) {
  const std::vector<bool> optimal = pareto_optimal(loads);
  std::vector<LoadSpeed> chosen;
  for (std::size_t i = 0; i < loads.size(); ++i) {
    if (optimal[i]) chosen.push_back(loads[i]);
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const LoadSpeed& a, const LoadSpeed& b) { return a.per_user < b.per_user; });
  return chosen;
}

}  // namespace

std::vector<bool> pareto_optimal(std::span<const LoadSpeed> loads) {
  std::vector<bool> optimal;
  for (const LoadSpeed& one : loads) {
    optimal.push_back(std::none_of(loads.begin(), loads.end(), [&](const LoadSpeed& other) {
      return other.per_user >= one.per_user && other.machine >= one.machine &&
             (other.per_user > one.per_user || other.machine > one.machine);
    }));
  }
  return optimal;
}

std::optional<double> throughput_at(std::span<const LoadSpeed> loads, double per_user) {
  const std::vector<LoadSpeed> best = frontier(loads);
  if (best.empty() || best.back().per_user < per_user) return std::nullopt;
  const auto above = std::lower_bound(best.begin(), best.end(), per_user,
                                      [](const LoadSpeed& load, double wanted) { return load.per_user < wanted; });
  if (above == best.begin() || above->per_user == per_user) return above->machine;
  const LoadSpeed& below = *std::prev(above);
  const double part = (per_user - below.per_user) / (above->per_user - below.per_user);
  return below.machine + part * (above->machine - below.machine);
}

Frontiers frontiers_of(const RunData& run, const TrialIndex& index) {
  Frontiers frontiers;
  auto sweeps = sweeps_of(run.info);
  if (sweeps.empty()) return frontiers;
  const Serving serving = serving_of(run.info);
  if (serving.per_user_tokens_per_s > 0) frontiers.at = serving.per_user_tokens_per_s;
  if (serving.cost_per_hour > 0) frontiers.cost = HourlyCost{serving.cost_per_hour, serving.currency};
  frontiers.objective = serving.objective;
  const SweepBuilder builder(run, index, frontiers);
  for (auto& points : sweeps) frontiers.sweeps.push_back(builder.build(std::move(points)));
  return frontiers;
}

}  // namespace inferbench
