// SPDX-License-Identifier: Apache-2.0
// Throughput against interactivity: what the machine delivers to all users, against the speed that one user sees, over
// the loads of a run.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/load_bound.hpp"
#include "results/run_folder.hpp"
#include "results/trial_index.hpp"
#include "serve/load_metrics.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

struct LoadSpeed {
  double per_user = 0;  ///< tokens/s of one user: the inverse of the median time per output token
  double machine = 0;   ///< output tokens/s of all users together
};

/// For each load, whether no other load gives more of one and at least as much of the other.
std::vector<bool> pareto_optimal(std::span<const LoadSpeed> loads);

/// The most that the machine delivers while each user gets `per_user`: along the Pareto frontier, linear between two
/// loads, as if the machine ran each of them part of the time. If even the highest load gives users more, its
/// throughput, which is then a lower bound. nullopt if no load gives a user so much.
std::optional<double> throughput_at(std::span<const LoadSpeed> loads, double per_user);

/// What the hardware costs, from `serving.cost`.
struct HourlyCost {
  double per_hour = 0;
  std::string currency;  ///< as written, such as "USD"
};

/// One contender at one load.
struct LoadPoint {
  std::size_t point = 0;                   ///< index into RunInfo::points
  LoadSpeed speed;                         ///< medians over the blocks
  bool optimal = false;                    ///< see pareto_optimal
  std::optional<double> cost_per_million;  ///< of output tokens, at the median throughput
  std::optional<double> tokens_per_joule;  ///< output tokens, median over the blocks
  LoadBound bound;
};

struct LoadCurve {
  std::string contender;
  std::vector<LoadPoint> loads;             ///< at which a trial served every request, in order of load
  std::optional<double> machine_at;         ///< throughput_at the wanted interactivity, median over the blocks
  std::optional<SpeedRatio> vs_baseline{};  ///< of throughput_at, paired by block; absent for the baseline
};

/// Points of a run that differ in the load alone: the rates of open scenarios, or the users of closed ones.
struct LoadSweep {
  std::vector<std::size_t> points;  ///< indices into RunInfo::points, by load, ascending
  std::vector<LoadCurve> curves;    ///< one for each contender of the run
};

struct Frontiers {
  std::vector<LoadSweep> sweeps;
  std::optional<double> at;        ///< `serving.at`: tokens/s of one user
  std::optional<HourlyCost> cost;  ///< `serving.cost`
  Objective objective{};           ///< `serving.objective`
};

/// Sweeps of at least two loads. Empty for a run without scenarios.
Frontiers frontiers_of(const RunData& run, const TrialIndex& index);

}  // namespace inferbench
