// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "predict/predictor_text.hpp"
#include "support/one_line.hpp"
#include "support/optional_json.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLeastNameWidth = 20;
constexpr std::size_t kCellWidth = 20;
constexpr double kBytesPerGiB = 1024.0 * 1024.0 * 1024.0;

std::string title_of(const AskedConfiguration& asked) {
  return fmt::format("{}: {}", one_line(asked.model), workload_text(asked.workload));
}

// At most four significant digits: "0.061", "12.34", "1234".
std::string digits(double value) {
  if (value >= 1000) return fmt::format("{:.0f}", value);
  if (value >= 100) return fmt::format("{:.1f}", value);
  return value >= 10 ? fmt::format("{:.2f}", value) : fmt::format("{:.3f}", value);
}

// "31.20 28.10-34.50"
std::string cell(const ConfigurationPrediction& prediction, const char* target, double unit) {
  const auto found = prediction.targets.find(target);
  if (found == prediction.targets.end()) return "-";
  const Prediction& here = found->second;
  if (!here.interval) return digits(here.value / unit);
  return fmt::format("{} {}-{}", digits(here.value / unit), digits(here.interval->low / unit),
                     digits(here.interval->high / unit));
}

std::string header(const Predictor& predictor, std::size_t name_width, bool judged) {
  const std::string interactive = fmt::format("<= {:g} ms", predictor.threshold_ms);
  return fmt::format("  {:<{}}{:>{}}{:>{}}{:>{}}{:>11}{}\n", fmt::format("({:.0f}% interval)", kPredictionLevel * 100),
                     name_width, "decode ms/token", kCellWidth, "ttft ms", kCellWidth, "peak GiB", kCellWidth - 2,
                     interactive, judged ? "  fits" : "");
}

// Never "100%" or "0%": the data cannot support such certainty.
std::string chance(const std::optional<double>& probability) {
  if (!probability) return "-";
  if (*probability > 0.99) return ">99%";
  return *probability < 0.01 ? "<1%" : fmt::format("{:.0f}%", *probability * 100);
}

std::string row(const ConfigurationPrediction& prediction, std::size_t name_width,
                const std::optional<Requirements>& requirements) {
  std::string name = one_line(prediction.asked.contender);
  if (!prediction.beyond.empty()) name += " !";
  const std::string fits = requirements ? fmt::format("  {}", to_string(judge(prediction, *requirements))) : "";
  return fmt::format("  {:<{}}{:>{}}{:>{}}{:>{}}{:>11}{}\n", name, name_width,
                     cell(prediction, "decode_ms_per_token", 1), kCellWidth, cell(prediction, "ttft_ms", 1), kCellWidth,
                     cell(prediction, "peak_rss_bytes", kBytesPerGiB), kCellWidth - 2,
                     chance(prediction.meets_threshold), fits);
}

Json prediction_json(const Prediction& prediction) {
  Json object{{"value", prediction.value}, {"low", nullptr}, {"high", nullptr}};
  if (prediction.interval) {
    object["low"] = prediction.interval->low;
    object["high"] = prediction.interval->high;
  }
  return object;
}

Json configuration_json(const ConfigurationPrediction& prediction, const std::optional<Requirements>& requirements) {
  const Workload& load = prediction.asked.workload;
  Json object{{"contender", prediction.asked.contender},
              {"model", prediction.asked.model},
              {"prompt_tokens", load.prompt_tokens},
              {"generate_tokens", load.generate_tokens},
              {"batch", load.batch},
              {"threads", load.threads},
              {"past_tokens", load.past_tokens}};
  for (const auto& [name, target] : prediction.targets) object[name] = prediction_json(target);
  object["meets_threshold_probability"] = or_null(prediction.meets_threshold);
  if (requirements) object["fits"] = to_string(judge(prediction, *requirements));
  object["beyond"] = Json::array();
  for (const BeyondRange& beyond : prediction.beyond) {
    object["beyond"].push_back({{"axis", beyond.axis},
                                {"value", beyond.value},
                                {"measured_low", beyond.low},
                                {"measured_high", beyond.high},
                                {"too_far", beyond.too_far}});
  }
  return object;
}

// A note about the drift between runs that the intervals assume.
std::string drift_note(const Predictor& predictor) {
  const auto decode = predictor.targets.find("decode_ms_per_token");
  if (decode == predictor.targets.end() || decode->second.assumed_drift <= 0) return "";
  return fmt::format(
      "no run repeats another: the intervals assume a drift of {:.0f}% between runs; fit several runs to know\n",
      decode->second.assumed_drift * 100);
}

}  // namespace

std::string predictions_text(const Predictor& predictor, std::span<const ConfigurationPrediction> predictions,
                             const std::optional<Requirements>& requirements) {
  std::string text;
  std::string last;
  std::array<std::size_t, 3> counts{};  // by Fit
  bool beyond = false;
  std::size_t name_width = kLeastNameWidth;
  for (const ConfigurationPrediction& prediction : predictions) {
    name_width = std::max(name_width, prediction.asked.contender.size() + 3);
  }
  for (const ConfigurationPrediction& prediction : predictions) {
    if (requirements) {
      const Fit fit = judge(prediction, *requirements);
      ++counts[static_cast<std::size_t>(fit)];
      if (fit == Fit::kNo) continue;
    }
    const std::string title = title_of(prediction.asked);
    if (title != last) {
      text += fmt::format("{}{}\n{}", text.empty() ? "" : "\n", title,
                          header(predictor, name_width, requirements.has_value()));
      last = title;
    }
    text += row(prediction, name_width, requirements);
    beyond = beyond || !prediction.beyond.empty();
  }
  if (beyond) text += "! beyond the measured range: the interval comes from left-out extremes\n";
  text += drift_note(predictor);
  if (requirements) {
    text += fmt::format("{}fit: {}, unclear: {}, do not fit: {}\n", text.empty() ? "" : "\n", counts[0], counts[2],
                        counts[1]);
  }
  return text;
}

Json predictions_json(const Predictor& predictor, std::span<const ConfigurationPrediction> predictions,
                      const std::optional<Requirements>& requirements) {
  Json object{{"interval_level", kPredictionLevel},
              {"threshold_ms", predictor.threshold_ms},
              {"assumed_drift", Json::object()}};
  for (const auto& [name, target] : predictor.targets) object["assumed_drift"][name] = target.assumed_drift;
  object["configurations"] = Json::array();
  for (const ConfigurationPrediction& prediction : predictions) {
    object["configurations"].push_back(configuration_json(prediction, requirements));
  }
  return object;
}

}  // namespace inferbench
