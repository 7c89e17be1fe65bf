// SPDX-License-Identifier: Apache-2.0
#include "serve/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <numbers>

namespace inferbench {

namespace {

constexpr std::array<std::string_view, 5> kKindNames{"offline", "closed", "open", "trace", "max_rate"};  // by code
constexpr std::array<std::string_view, 3> kDeliveryNames{"none", "stream", "whole"};                     // by code
constexpr std::string_view kDeliveryMark = ", ";
constexpr std::string_view kOfflineText = "offline";
constexpr std::string_view kClosedText = "closed ";
constexpr std::string_view kOpenText = "open ";
constexpr std::string_view kTraceText = "trace ";
constexpr std::string_view kMaxRateText = "max rate p";
constexpr std::string_view kTtftText = " ttft ";
constexpr std::string_view kTpotText = " tpot ";
constexpr std::string_view kMsText = " ms";
constexpr std::string_view kPerSecond = "/s";
constexpr std::string_view kConstantText = " constant";

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || end != text.data() + text.size() || !(value > 0)) return std::nullopt;
  return value;
}

std::optional<Scenario> open_from(std::string_view text) {
  Scenario scenario;
  scenario.kind = ScenarioKind::kOpen;
  if (text.ends_with(kConstantText)) {
    scenario.arrivals = ArrivalProcess::kConstant;
    text.remove_suffix(kConstantText.size());
  }
  if (!text.ends_with(kPerSecond)) return std::nullopt;
  text.remove_suffix(kPerSecond.size());
  const auto rate = whole_number<double>(text);
  if (!rate || !std::isfinite(*rate)) return std::nullopt;
  scenario.rate = *rate;
  return scenario;
}

// Cuts a positive number off the front of `text`.
std::optional<double> leading_number(std::string_view& text) {
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc{} || !(value > 0) || !std::isfinite(value)) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

// Cuts `name`, a number and " ms" off; returns false for anything else behind `name`.
bool cut_bound(std::string_view& text, std::string_view name, double& bound) {
  if (!text.starts_with(name)) return true;
  text.remove_prefix(name.size());
  const auto value = leading_number(text);
  if (!value || !text.starts_with(kMsText)) return false;
  text.remove_prefix(kMsText.size());
  bound = *value;
  return true;
}

std::optional<Scenario> max_rate_from(std::string_view text) {
  Scenario scenario;
  scenario.kind = ScenarioKind::kMaxRate;
  scenario.rate = 1;
  const auto percentile = leading_number(text);
  if (!percentile || *percentile >= 100) return std::nullopt;
  scenario.goal.percentile = *percentile;
  Objective& objective = scenario.goal.objective;
  if (!cut_bound(text, kTtftText, objective.ttft_ms) || !cut_bound(text, kTpotText, objective.tpot_ms)) {
    return std::nullopt;
  }
  if (text == kConstantText) {
    scenario.arrivals = ArrivalProcess::kConstant;
    text = {};
  }
  if (!text.empty() || !objective.any()) return std::nullopt;
  return scenario;
}

std::string max_rate_text(const Scenario& scenario) {
  const Objective& objective = scenario.goal.objective;
  std::string text = fmt::format("{}{}", kMaxRateText, scenario.goal.percentile);
  if (objective.ttft_ms > 0) text += fmt::format("{}{}{}", kTtftText, objective.ttft_ms, kMsText);
  if (objective.tpot_ms > 0) text += fmt::format("{}{}{}", kTpotText, objective.tpot_ms, kMsText);
  if (scenario.arrivals == ArrivalProcess::kConstant) text += kConstantText;
  return text;
}

std::string text_without_delivery(const Scenario& scenario) {
  switch (scenario.kind) {
    case ScenarioKind::kClosed:
      return fmt::format("{}{}", kClosedText, scenario.concurrency);
    case ScenarioKind::kOpen:
      return fmt::format("{}{}{}{}", kOpenText, scenario.rate, kPerSecond,
                         scenario.arrivals == ArrivalProcess::kConstant ? kConstantText : "");
    case ScenarioKind::kTrace:
      return fmt::format("{}{}", kTraceText, std::filesystem::path(scenario.trace).filename().string());
    case ScenarioKind::kMaxRate:
      return max_rate_text(scenario);
    case ScenarioKind::kOffline:
      break;
  }
  return std::string(kOfflineText);
}

std::optional<Scenario> scenario_without_delivery(std::string_view text) {
  Scenario scenario;
  if (text == kOfflineText) return scenario;
  if (text.starts_with(kMaxRateText)) return max_rate_from(text.substr(kMaxRateText.size()));
  if (text.starts_with(kOpenText)) return open_from(text.substr(kOpenText.size()));
  if (text.starts_with(kClosedText)) {
    const auto concurrency = whole_number<std::int32_t>(text.substr(kClosedText.size()));
    if (!concurrency) return std::nullopt;
    scenario.kind = ScenarioKind::kClosed;
    scenario.concurrency = *concurrency;
    return scenario;
  }
  if (!text.starts_with(kTraceText) || text.size() == kTraceText.size()) return std::nullopt;
  scenario.kind = ScenarioKind::kTrace;
  scenario.trace = text.substr(kTraceText.size());
  return scenario;
}

// Box and Muller's method, one value of the pair.
double standard_normal(SplitMix64& random) {
  const double radius = std::sqrt(-2 * std::log1p(-random.next_uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.next_uniform());
}

}  // namespace

std::string_view to_string(ScenarioKind kind) {
  return kKindNames.at(static_cast<std::size_t>(kind));
}

std::optional<ScenarioKind> scenario_kind_from(std::string_view text) {
  const auto* const found = std::find(kKindNames.begin(), kKindNames.end(), text);
  if (found == kKindNames.end()) return std::nullopt;
  return static_cast<ScenarioKind>(found - kKindNames.begin());
}

std::string_view to_string(Delivery delivery) {
  return kDeliveryNames.at(static_cast<std::size_t>(delivery));
}

std::optional<Delivery> delivery_from(std::string_view text) {
  const auto* const found = std::find(kDeliveryNames.begin(), kDeliveryNames.end(), text);
  if (found == kDeliveryNames.end()) return std::nullopt;
  return static_cast<Delivery>(found - kDeliveryNames.begin());
}

std::string to_string(const Scenario& scenario) {
  std::string text = text_without_delivery(scenario);
  if (scenario.delivery != Delivery::kNone) text += fmt::format("{}{}", kDeliveryMark, to_string(scenario.delivery));
  return text;
}

std::optional<Scenario> scenario_from(std::string_view text) {
  Delivery delivery = Delivery::kNone;
  for (const Delivery one : {Delivery::kStream, Delivery::kWhole}) {
    const std::string ending = fmt::format("{}{}", kDeliveryMark, to_string(one));
    if (!text.ends_with(ending)) continue;
    delivery = one;
    text.remove_suffix(ending.size());
    break;
  }
  std::optional<Scenario> scenario = scenario_without_delivery(text);
  if (scenario) scenario->delivery = delivery;
  return scenario;
}

std::int32_t draw_length(const LengthDistribution& lengths, SplitMix64& random) {
  switch (lengths.kind) {
    case LengthDistribution::Kind::kUniform: {
      const auto values = static_cast<std::uint64_t>(std::int64_t{lengths.high} - lengths.low + 1);
      return lengths.low + static_cast<std::int32_t>(random.below(values));
    }
    case LengthDistribution::Kind::kLognormal: {
      const double length = lengths.median * std::exp(lengths.sigma * standard_normal(random));
      const double bounded = std::clamp(length, static_cast<double>(lengths.low), static_cast<double>(lengths.high));
      return static_cast<std::int32_t>(std::lround(bounded));
    }
    case LengthDistribution::Kind::kFixed:
      break;
  }
  return lengths.low;
}

std::string to_string(const LengthDistribution& lengths) {
  switch (lengths.kind) {
    case LengthDistribution::Kind::kUniform:
      return fmt::format("{} to {}", lengths.low, lengths.high);
    case LengthDistribution::Kind::kLognormal:
      return fmt::format("lognormal, median {}, sigma {}, {} to {}", lengths.median, lengths.sigma, lengths.low,
                         lengths.high);
    case LengthDistribution::Kind::kFixed:
      break;
  }
  return fmt::format("{}", lengths.low);
}

}  // namespace inferbench
