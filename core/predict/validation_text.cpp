// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "predict/predictor_text.hpp"
#include "support/counted.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kNameWidth = 20;  // "* physical and trees"
constexpr std::size_t kSchemeWidth = 16;
constexpr std::size_t kSchemesAcross = 5;  // fill 100 columns

using Schemes = std::span<const std::string>;

// The schemes of any target, in the order of validation_schemes. All of them count when the method is chosen.
std::vector<std::string> schemes_of(const Predictor& predictor) {
  std::vector<std::string> schemes;
  for (const char* scheme : {"model", "prompt_tokens", "generate_tokens", "batch", "threads", "machine", "third"}) {
    const bool there = std::any_of(predictor.targets.begin(), predictor.targets.end(), [&](const auto& target) {
      return target.second.validation.front().by_scheme.contains(scheme);
    });
    if (there) schemes.emplace_back(scheme);
  }
  return schemes;
}

std::string score_cell(const MethodValidation& validation, const std::string& scheme) {
  const auto found = validation.by_scheme.find(scheme);
  if (found == validation.by_scheme.end()) return "-";
  const std::string r2 = found->second.r2 ? fmt::format(" {:6.3f}", *found->second.r2) : "";
  return fmt::format("{:.1f}%{}", found->second.mape * 100, r2);
}

std::string interactive_cell(const MethodValidation& validation, const std::string& scheme) {
  const auto found = validation.interactive.find(scheme);
  if (found == validation.interactive.end()) return "-";
  const std::string auc = found->second.roc_auc ? fmt::format(" {:6.3f}", *found->second.roc_auc) : "";
  return fmt::format("{:.1f}%{}", found->second.accuracy * 100, auc);
}

template <typename Cell>
void put_rows(std::string& text, const TargetPredictor& target, Schemes schemes, Cell cell) {
  for (const MethodValidation& validation : target.validation) {
    const char* mark = validation.method == target.model.method ? "*" : " ";
    text += fmt::format("{} {:<{}}", mark, to_string(validation.method), kNameWidth - 2);
    for (const std::string& scheme : schemes) text += fmt::format("{:>{}}", cell(validation, scheme), kSchemeWidth);
    text += "\n";
  }
}

std::string schemes_header(Schemes schemes) {
  std::string line = fmt::format("{:<{}}", "left out: each", kNameWidth);
  for (const std::string& scheme : schemes) line += fmt::format("{:>{}}", scheme, kSchemeWidth);
  return line + "\n";
}

// Calls put(part) for each part of the schemes that fits the width.
template <typename Put>
void for_each_width(Schemes schemes, Put put) {
  for (; !schemes.empty(); schemes = schemes.subspan(std::min(schemes.size(), kSchemesAcross))) {
    put(schemes.first(std::min(schemes.size(), kSchemesAcross)));
  }
}

void put_errors(std::string& text, const Predictor& predictor, Schemes schemes) {
  text += "\nmean absolute percentage error and R2 on left-out configurations (*: chosen)\n";
  for_each_width(schemes, [&](Schemes part) {
    text += schemes_header(part);
    for (const auto& [name, target] : predictor.targets) {
      text += name + "\n";
      put_rows(text, target, part, score_cell);
    }
  });
}

void put_interactive(std::string& text, const Predictor& predictor, Schemes schemes) {
  const auto decode = predictor.targets.find("decode_ms_per_token");
  if (decode == predictor.targets.end()) return;
  const auto& interactive = decode->second.validation.front().interactive;
  const ThresholdScores all = interactive.contains("third") ? interactive.at("third") : ThresholdScores{};
  text +=
      fmt::format("\nat most {:g} ms per token (yes: {}, no: {}): accuracy and ROC-AUC on left-out configurations\n",
                  predictor.threshold_ms, all.meets, all.misses);
  for_each_width(schemes, [&](Schemes part) {
    text += schemes_header(part);
    put_rows(text, decode->second, part, interactive_cell);
  });
  if (all.meets == 0 || all.misses == 0) {
    text += "  all are on the same side, so there is no ROC-AUC; --threshold MS chooses another threshold\n";
  }
}

}  // namespace

std::string validation_text(const Predictor& predictor) {
  std::string text = fmt::format("learned from {}, {}\n", counted(predictor.configurations, "configuration"),
                                 counted(predictor.trials, "trial"));
  for (const std::string& run : predictor.trained_on) text += fmt::format("  {}\n", one_line(run, 98));
  text += predictor.machines.empty()
              ? "machine limits: unknown; bandwidth and peak are part of the coefficients\n"
              : fmt::format("machine limits: known, of {}\n", counted(predictor.machines.size(), "machine"));
  const std::vector<std::string> schemes = schemes_of(predictor);
  if (schemes.empty()) return text + "too few configurations to leave any out: errors are unknown\n";
  put_errors(text, predictor, schemes);
  put_interactive(text, predictor, schemes);
  return text;
}

}  // namespace inferbench
