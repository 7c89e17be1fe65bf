// SPDX-License-Identifier: Apache-2.0
#include "analyze/thread_efficiency.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

#include "analyze/axes.hpp"

namespace inferbench {
namespace {

struct Place {
  std::size_t configuration = 0;  // number of the configuration, ignoring its threads
  std::int32_t block = 0;
  std::int32_t repeat = 0;

  // clang-tidy 14 sees a 0 in the comparison that this generates.
  auto operator<=>(const Place&) const = default;  // NOLINT(modernize-use-nullptr)
};
struct Rate {
  Place place;
  double value = 0;
};

std::string all_but_threads(const MeasuredConfiguration& configuration) {
  std::string key;
  for (const std::string& axis : analysis_axes()) {
    if (axis != "threads") key += axis_value(configuration, axis) + '\n';
  }
  return key;
}

// Ascending, one per place: the first that the run has.
std::vector<Rate> rates_of(const MetricColumn& column, const std::vector<std::size_t>& numbers,
                           const std::vector<std::size_t>& configurations) {
  std::vector<Rate> rates;
  for (const std::size_t i : configurations) {
    const auto& values = column.values[i];
    for (std::size_t j = 0; j < values.size(); ++j) {
      const TrialRecord& trial = *column.configurations[i].trials[j];
      if (values[j] && *values[j] > 0) rates.push_back({Place{numbers[i], trial.block, trial.repeat}, *values[j]});
    }
  }
  std::stable_sort(rates.begin(), rates.end(), [](const Rate& a, const Rate& b) { return a.place < b.place; });
  const auto same = [](const Rate& a, const Rate& b) { return a.place == b.place; };
  rates.erase(std::unique(rates.begin(), rates.end(), same), rates.end());
  return rates;
}

constexpr double kAnalysisLevel = 0.95;  // of all intervals of an analysis; none of them gives a verdict

SpeedRatio ratio_of(const std::vector<Rate>& to, const std::vector<Rate>& from) {
  std::vector<double> many;
  std::vector<double> few;
  auto other = from.begin();
  for (const Rate& rate : to) {
    while (other != from.end() && other->place < rate.place) ++other;
    if (other == from.end() || other->place != rate.place) continue;
    many.push_back(rate.value);
    few.push_back(other->value);
  }
  return paired_speed_ratio(many, few, kAnalysisLevel).value_or(SpeedRatio{});
}

}  // namespace

std::vector<ThreadEfficiency> thread_efficiencies(const MetricColumn& column) {
  std::map<std::string, std::map<std::int32_t, std::vector<std::size_t>>> by_contender;
  std::vector<std::string> order;
  std::map<std::string, std::size_t> known;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < column.configurations.size(); ++i) {
    const MeasuredConfiguration& configuration = column.configurations[i];
    const auto [entry, added] = by_contender.try_emplace(configuration.contender);
    if (added) order.push_back(configuration.contender);
    entry->second[configuration.point.threads].push_back(i);
    numbers.push_back(known.emplace(all_but_threads(configuration), known.size()).first->second);
  }
  std::vector<ThreadEfficiency> result;
  for (const std::string& contender : order) {
    const auto& by_threads = by_contender[contender];
    if (by_threads.size() < 2) continue;
    const auto& [fewest, base] = *by_threads.begin();
    const std::vector<Rate> base_rates = rates_of(column, numbers, base);
    for (auto entry = std::next(by_threads.begin()); entry != by_threads.end(); ++entry) {
      const SpeedRatio speedup = ratio_of(rates_of(column, numbers, entry->second), base_rates);
      if (speedup.n == 0) continue;
      result.push_back({contender, fewest, entry->first, speedup, speedup.ratio * fewest / entry->first});
    }
  }
  return result;
}

}  // namespace inferbench
