// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "predict/physical_terms.hpp"
#include "predict/predictor_text.hpp"
#include "predict/tree_features.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kTermWidth = 31;
constexpr std::size_t kColumns = 4;  // side by side, including the column of units
constexpr std::size_t kColumn = 16;
constexpr double kBytesPerMiB = 1024.0 * 1024.0;

// one_line reserves room for its dots, which a name that fits does not need.
std::string column_name(const std::string& name) {
  return one_line(name, name.size() < kColumn ? kColumn + 2 : kColumn - 1);
}

bool is_memory(const std::string& target) {
  return target.ends_with("_bytes");
}

// The unit of a coefficient.
std::string unit_of(const std::string& target, bool limits, const std::string& term) {
  const bool rate = term.find(" over ") != std::string::npos;
  if (is_memory(target)) return term == "process" ? "bytes" : "bytes per value";
  if (!rate) return term == "call" ? "ms" : "ms each";
  return limits ? "x the limit's time" : "s per 1e9";
}

void put_coefficients(std::string& text, const TargetPredictor& target, const std::vector<std::string>& contenders,
                      bool limits) {
  const PhysicalModel& physical = target.model.physical;
  const auto& names = physical_term_names(physical.target);
  text += fmt::format("  {:<{}}", "coefficient", kTermWidth);
  for (const std::string& contender : contenders) text += fmt::format("{:>{}}", column_name(contender), kColumn);
  text += "\n";
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string row;
    bool any = false;
    for (const std::string& contender : contenders) {
      const double value = physical.coefficients.at(contender)[i];
      any = any || value > 0;
      row += value > 0 ? fmt::format("{:>{}.4g}", value, kColumn) : fmt::format("{:>{}}", "-", kColumn);
    }
    if (any)
      text += fmt::format("  {:<{}}{}  {}\n", names[i], kTermWidth, row, unit_of(physical.target, limits, names[i]));
  }
}

// The coefficients of a few contenders side by side, then the next few below.
void put_all_coefficients(std::string& text, const TargetPredictor& target, bool limits) {
  std::vector<std::string> contenders;
  for (const auto& [name, coefficients] : target.model.physical.coefficients) contenders.push_back(name);
  const std::size_t most = kColumns - 1;  // the last column holds the units
  for (std::size_t begin = 0; begin < contenders.size(); begin += most) {
    const std::size_t end = std::min(contenders.size(), begin + most);
    put_coefficients(text, target,
                     {contenders.begin() + static_cast<std::ptrdiff_t>(begin),
                      contenders.begin() + static_cast<std::ptrdiff_t>(end)},
                     limits);
  }
}

void put_shares(std::string& text, const Predictor& predictor, const TargetPredictor& target,
                const AskedConfiguration& asked) {
  const PhysicalModel& physical = target.model.physical;
  const Setting setting = asked_setting(predictor, asked);
  const auto& names = physical_term_names(physical.target);
  const std::vector<double> terms = physical_terms(physical.target, setting, asked.workload);
  const std::vector<double>& coefficients = physical.coefficients.at(asked.contender);
  const double total = physical.predict(setting, asked.workload);
  const double unit = is_memory(physical.target) ? kBytesPerMiB : 1;
  const char* unit_name = is_memory(physical.target) ? "MiB" : "ms";
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double part = terms[i] * coefficients[i];
    if (part <= 0) continue;
    text += fmt::format("  {:<{}}{:>12.3f} {:<4}{:>6.1f}%\n", names[i], kTermWidth, part / unit, unit_name,
                        100 * part / total);
  }
  text += fmt::format("  {:<{}}{:>12.3f} {}\n", "sum", kTermWidth, total / unit, unit_name);
  if (target.model.method == Method::kPhysical) return;
  text += fmt::format("  {:<{}}{:>12.3f} {}\n", fmt::format("predicted by {}", to_string(target.model.method)),
                      kTermWidth, target.model.predict(setting, asked.workload) / unit, unit_name);
}

void put_gains(std::string& text, const TargetPredictor& target) {
  if (!target.model.trees) return;
  const auto names = tree_feature_names(target.model.contenders);
  auto gains = target.model.trees->gains();
  std::sort(gains.begin(), gains.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  if (gains.empty()) return;  // the trees had nothing left to explain
  text += "  trees split on:";
  for (const auto& [feature, gain] : gains) {
    if (gain >= 0.01) text += fmt::format(" {} {:.0f}%;", one_line(names.at(feature), 24), gain * 100);
  }
  text.back() = '\n';
}

}  // namespace

std::string explanation_text(const Predictor& predictor, const std::optional<AskedConfiguration>& point) {
  std::string text;
  if (point) {
    const Workload& load = point->workload;
    text +=
        fmt::format("{} on {}: {}\n", one_line(point->contender, 30), one_line(point->model, 30), workload_text(load));
  }
  for (const auto& [name, target] : predictor.targets) {
    if (point && !target.model.physical.coefficients.contains(point->contender)) continue;
    text += fmt::format("{}{}: {}\n", text.empty() ? "" : "\n", name, to_string(target.model.method));
    if (point) {
      put_shares(text, predictor, target, *point);
    } else {
      put_all_coefficients(text, target, !predictor.machines.empty());
    }
    put_gains(text, target);
  }
  return text;
}

}  // namespace inferbench
