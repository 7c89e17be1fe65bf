// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "predict/predictor_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kNameWidth = 22;

// The schemes of any target except "machine", in the order of validation_schemes.
std::vector<std::string> schemes_of(const Predictor& predictor) {
  std::vector<std::string> schemes;
  for (const char* scheme : {"model", "prompt_tokens", "generate_tokens", "batch", "threads", "third"}) {
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
void put_rows(std::string& text, const TargetPredictor& target, const std::vector<std::string>& schemes, Cell cell) {
  for (const MethodValidation& validation : target.validation) {
    text += fmt::format("  {:<{}}", to_string(validation.method), kNameWidth - 2);
    for (const std::string& scheme : schemes) text += fmt::format("{:>15}", cell(validation, scheme));
    text += validation.method == target.model.method ? "  *\n" : "\n";
  }
}

std::string header(const std::string& what, const std::vector<std::string>& schemes) {
  std::string line = fmt::format("{:<{}}", what, kNameWidth);
  for (const std::string& scheme : schemes) line += fmt::format("{:>15}", scheme);
  return line + "\n";
}

}  // namespace

std::string validation_text(const Predictor& predictor) {
  std::string text =
      fmt::format("learned from {} configurations, {} trials\n", predictor.configurations, predictor.trials);
  for (const std::string& run : predictor.trained_on) text += fmt::format("  {}\n", one_line(run, 98));
  text += predictor.machines.empty()
              ? "machine limits: unknown; bandwidth and peak are part of the coefficients\n"
              : fmt::format("machine limits: known, of {} machine{}\n", predictor.machines.size(),
                            predictor.machines.size() == 1 ? "" : "s");
  const std::vector<std::string> schemes = schemes_of(predictor);
  if (schemes.empty()) return text + "too few configurations to leave any out: errors are unknown\n";
  text += fmt::format("\nmean absolute percentage error and R2 on left-out configurations (*: chosen)\n{}",
                      header("left out: each", schemes));
  for (const auto& [name, target] : predictor.targets) {
    text += name + "\n";
    put_rows(text, target, schemes, score_cell);
  }
  const auto decode = predictor.targets.find("decode_ms_per_token");
  if (decode == predictor.targets.end()) return text;
  const auto& interactive = decode->second.validation.front().interactive;
  const ThresholdScores all = interactive.contains("third") ? interactive.at("third") : ThresholdScores{};
  text += fmt::format("\nat most {:g} ms a token ({} do, {} do not): accuracy and ROC-AUC on left-out configurations\n",
                      predictor.threshold_ms, all.meets, all.misses);
  put_rows(text, decode->second, schemes, interactive_cell);
  if (all.meets == 0 || all.misses == 0) {
    text += "  all are of one kind, so there is no ROC-AUC; --threshold MS takes another\n";
  }
  return text;
}

}  // namespace inferbench
