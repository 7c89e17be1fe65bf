// SPDX-License-Identifier: Apache-2.0
#include "analyze/thread_efficiency.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>

#include "analyze/axes.hpp"
#include "results/metric_values.hpp"

namespace inferbench {
namespace {

struct Place {
  std::size_t configuration = 0;  // number of the configuration, ignoring its threads
  std::int32_t block = 0;
  std::int32_t repeat = 0;

  // clang-tidy 14 sees a 0 in the comparison that this generates.
  auto operator<=>(const Place&) const = default;  // NOLINT(modernize-use-nullptr)
};
using Rates = std::map<Place, double>;

std::string all_but_threads(const MeasuredConfiguration& configuration) {
  std::string key;
  for (const std::string& axis : analysis_axes()) {
    if (axis != "threads") key += axis_value(configuration, axis) + '\n';
  }
  return key;
}

void add_rates(const MeasuredConfiguration& configuration, std::size_t number, std::string_view metric, Rates& rates) {
  const Metric& row = one_value_metric(metric);
  for (const TrialRecord* trial : configuration.trials) {
    const auto value = metric_value(*trial, row);
    if (value && *value > 0) rates.emplace(Place{number, trial->block, trial->repeat}, *value);
  }
}

constexpr double kAnalysisLevel = 0.95;  // of all intervals of an analysis; none of them gives a verdict

SpeedRatio ratio_of(const Rates& to, const Rates& from) {
  std::vector<double> many;
  std::vector<double> few;
  for (const auto& [key, rate] : to) {
    const auto found = from.find(key);
    if (found == from.end()) continue;
    many.push_back(rate);
    few.push_back(found->second);
  }
  return paired_speed_ratio(many, few, kAnalysisLevel).value_or(SpeedRatio{});
}

}  // namespace

std::vector<ThreadEfficiency> thread_efficiencies(std::span<const MeasuredConfiguration> configurations,
                                                  std::string_view metric) {
  std::map<std::string, std::map<std::int32_t, Rates>> by_contender;
  std::vector<std::string> order;
  std::map<std::string, std::size_t> numbers;
  for (const MeasuredConfiguration& configuration : configurations) {
    const auto [entry, added] = by_contender.try_emplace(configuration.contender);
    if (added) order.push_back(configuration.contender);
    const std::size_t number = numbers.emplace(all_but_threads(configuration), numbers.size()).first->second;
    add_rates(configuration, number, metric, entry->second[configuration.point.threads]);
  }
  std::vector<ThreadEfficiency> result;
  for (const std::string& contender : order) {
    const auto& by_threads = by_contender[contender];
    const auto& [fewest, base] = *by_threads.begin();
    for (auto entry = std::next(by_threads.begin()); entry != by_threads.end(); ++entry) {
      const SpeedRatio speedup = ratio_of(entry->second, base);
      if (speedup.n == 0) continue;
      result.push_back({contender, fewest, entry->first, speedup, speedup.ratio * fewest / entry->first});
    }
  }
  return result;
}

}  // namespace inferbench
