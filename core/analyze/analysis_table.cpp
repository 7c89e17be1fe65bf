// SPDX-License-Identifier: Apache-2.0
#include "analyze/analysis_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "support/counted.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kNameWidth = 28;
constexpr int kBarWidth = 30;

std::string name_cell(const std::string& name) {
  return fmt::format("{:<{}}", one_line(name, kNameWidth), kNameWidth);
}

std::string interval_text(const std::optional<Interval>& interval) {
  return interval ? fmt::format("{:.2f} to {:.2f}", interval->low, interval->high) : "";
}

// 124.4M, 512, 1.5G
std::string place_text(double value) {
  if (value >= 1e9) return fmt::format("{:.4g}G", value / 1e9);
  if (value >= 1e6) return fmt::format("{:.4g}M", value / 1e6);
  return fmt::format("{:g}", value);
}

void put_share(std::string& text, const std::string& what, double share) {
  const auto length = static_cast<std::size_t>(std::lround(share * kBarWidth));
  text += fmt::format("    {:<18}{:>7.1f}%  {}\n", what, share * 100, std::string(length, '#'));
}

void put_variance(std::string& text, const MetricAnalysis& analysis) {
  if (!analysis.variance) {
    text += "  no variance to explain: fewer than three configurations, or one value everywhere\n";
    return;
  }
  const VarianceShares& variance = *analysis.variance;
  text += fmt::format("  share of the variance ({}, {})\n", counted(variance.trials, "trial"),
                      counted(variance.configurations, "configuration"));
  std::vector<AxisShare> axes = variance.axes;
  std::stable_sort(axes.begin(), axes.end(), [](const auto& a, const auto& b) { return a.share > b.share; });
  for (const AxisShare& axis : axes) put_share(text, axis.axis, axis.share);
  put_share(text, "interactions", variance.interactions);
  put_share(text, "repeats", variance.repeats);
}

void put_scaling(std::string& text, const MetricAnalysis& analysis) {
  if (analysis.scaling.empty()) return;
  text += fmt::format("  {:<12}{:<{}}{:>9}  {:<18}{}\n", "scales with", "contender", kNameWidth, "exponent",
                      "95% interval", "over");
  std::string axis;
  for (const ScalingExponent& exponent : analysis.scaling) {
    text += fmt::format("  {:<12}{}{:>9.2f}  {:<18}{} to {}\n", exponent.axis == axis ? "" : exponent.axis,
                        name_cell(exponent.contender), exponent.exponent, interval_text(exponent.interval),
                        place_text(exponent.low), place_text(exponent.high));
    axis = exponent.axis;
  }
}

void put_threads(std::string& text, const MetricAnalysis& analysis) {
  if (analysis.threads.empty()) return;
  text += fmt::format("  {:<12}{:<{}}{:>9}  {:<18}{}\n", "threads", "contender", kNameWidth, "speedup", "95% interval",
                      "efficiency");
  for (const ThreadEfficiency& threads : analysis.threads) {
    text += fmt::format("  {:<12}{}{:>9.2f}  {:<18}{:.0f}%\n", fmt::format("{} -> {}", threads.from, threads.to),
                        name_cell(threads.contender), threads.speedup.ratio, interval_text(threads.speedup.interval),
                        threads.efficiency * 100);
  }
}

void put_correlations(std::string& text, const MetricAnalysis& analysis) {
  if (analysis.correlations.empty()) return;
  text += "  rank correlation ";
  for (const AxisCorrelation& correlation : analysis.correlations) {
    text += fmt::format(" {} {:+.2f}", correlation.axis, correlation.spearman);
  }
  text += "\n";
}

}  // namespace

std::string analysis_table(const AnalysisResult& result) {
  std::string text;
  for (const MetricAnalysis& analysis : result.metrics) {
    text += fmt::format("{}{}\n", text.empty() ? "" : "\n", analysis.metric);
    put_variance(text, analysis);
    put_correlations(text, analysis);
    put_scaling(text, analysis);
    put_threads(text, analysis);
  }
  return text;
}

}  // namespace inferbench
