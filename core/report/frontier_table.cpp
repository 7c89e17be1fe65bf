// SPDX-License-Identifier: Apache-2.0
#include "report/frontier_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "experiment/point_text.hpp"
#include "report/headline_text.hpp"
#include "report/markdown_text.hpp"
#include "report/number_text.hpp"
#include "serve/scenario.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

std::string shown(const std::optional<double>& value) {
  return value ? number_text(*value) : "-";
}

bool any_load(const LoadSweep& sweep, std::optional<double> LoadPoint::*field) {
  return std::any_of(sweep.curves.begin(), sweep.curves.end(), [&](const LoadCurve& curve) {
    return std::any_of(curve.loads.begin(), curve.loads.end(),
                       [&](const LoadPoint& load) { return (load.*field).has_value(); });
  });
}

// What the points of the sweep have in common, without the load.
std::string sweep_title(const Comparison& comparison, const LoadSweep& sweep) {
  const PointResult& first = comparison.points[sweep.points.front()];
  const auto scenario = scenario_from(first.point.scenario);
  Point common = first.point;
  common.scenario = scenario ? std::string(to_string(scenario->kind)) : common.scenario;
  return point_title(first.model_name, common);
}

std::string cost_column(const Frontiers& frontiers) {
  const auto& cost = frontiers.cost;
  return cost ? one_line(cost->currency, 6) + "/Mtok" : "";
}

std::string load_row(const Comparison& comparison, const Frontiers& frontiers, const LoadSweep& sweep,
                     const LoadCurve& curve, const LoadPoint& load) {
  const std::string& scenario = comparison.points[load.point].point.scenario;
  std::string row =
      fmt::format("  {}{:<16}{:>10}{:>10}  {:<5}", name_cell(curve.contender, kNameWidth), one_line(scenario, 15),
                  number_text(load.speed.per_user), number_text(load.speed.machine), load.optimal ? "yes" : "no");
  if (frontiers.cost) row += fmt::format("{:>12}", shown(load.cost_per_million));
  if (any_load(sweep, &LoadPoint::tokens_per_joule)) row += fmt::format("{:>8}", shown(load.tokens_per_joule));
  return row + fmt::format("  {}\n", load_bound_text(load.bound));
}

std::string header_row(const Frontiers& frontiers, const LoadSweep& sweep) {
  std::string row = fmt::format("  {:<{}}{:<16}{:>10}{:>10}  {:<5}", "median of blocks", kNameWidth, "load",
                                "tok/s user", "tok/s all", "best");
  if (frontiers.cost) row += fmt::format("{:>12}", cost_column(frontiers));
  if (any_load(sweep, &LoadPoint::tokens_per_joule)) row += fmt::format("{:>8}", "tok/J");
  return row + "  bound by";
}

}  // namespace

std::vector<std::string> interactivity_sentences(const Comparison& comparison, const Frontiers& frontiers,
                                                 const LoadSweep& sweep) {
  std::vector<std::string> sentences;
  if (!frontiers.at) return sentences;
  const std::string wanted = number_text(*frontiers.at) + " tok/s";
  for (const LoadCurve& curve : sweep.curves) {
    if (curve.loads.empty()) continue;
    if (!curve.machine_at) {
      sentences.push_back(fmt::format("{}: no load gives each user {}", curve.contender, wanted));
      continue;
    }
    std::string text =
        fmt::format("{}: {} tok/s while each user gets {}", curve.contender, number_text(*curve.machine_at), wanted);
    const auto slowest =
        std::min_element(curve.loads.begin(), curve.loads.end(),
                         [](const LoadPoint& a, const LoadPoint& b) { return a.speed.per_user < b.speed.per_user; });
    if (slowest->speed.per_user > *frontiers.at) text += ", or more: no load slowed users down so far";
    if (curve.contender == comparison.baseline) text += " (baseline)";
    if (curve.vs_baseline) {
      text += fmt::format(", {} {}", speed_text(*curve.vs_baseline), to_string(judge(*curve.vs_baseline)));
    }
    sentences.push_back(std::move(text));
  }
  return sentences;
}

std::string frontier_table(const Comparison& comparison, const Frontiers& frontiers, const ConsoleStyle& style) {
  std::string text;
  for (const LoadSweep& sweep : frontiers.sweeps) {
    text += fmt::format("\n{}\n{}\n", style.bold("throughput against interactivity: " + sweep_title(comparison, sweep)),
                        style.dim(header_row(frontiers, sweep)));
    for (const LoadCurve& curve : sweep.curves) {
      for (const LoadPoint& load : curve.loads) text += load_row(comparison, frontiers, sweep, curve, load);
    }
    for (const std::string& sentence : interactivity_sentences(comparison, frontiers, sweep))
      text += indented(sentence, 2);
  }
  return text;
}

std::string frontier_markdown(const Comparison& comparison, const Frontiers& frontiers) {
  std::string text;
  for (const LoadSweep& sweep : frontiers.sweeps) {
    text += fmt::format("\n### {}\n\n", markdown_text(sweep_title(comparison, sweep)));
    const std::string cost = frontiers.cost ? fmt::format(" {} |", markdown_text(cost_column(frontiers))) : "";
    text += fmt::format(
        "| contender | load | tok/s of a user | tok/s of the machine | best |{} tok/J | bound by |\n"
        "|:--|:--|--:|--:|:--|{}--:|:--|\n",
        cost, frontiers.cost ? "--:|" : "");
    for (const LoadCurve& curve : sweep.curves) {
      for (const LoadPoint& load : curve.loads) {
        text +=
            fmt::format("| {} | {} | {} | {} | {} |{} {} | {} |\n", markdown_text(curve.contender),
                        markdown_text(comparison.points[load.point].point.scenario), number_text(load.speed.per_user),
                        number_text(load.speed.machine), load.optimal ? "yes" : "no",
                        frontiers.cost ? fmt::format(" {} |", shown(load.cost_per_million)) : "",
                        shown(load.tokens_per_joule), markdown_text(load_bound_text(load.bound)));
      }
    }
    text += "\n";
    for (const std::string& sentence : interactivity_sentences(comparison, frontiers, sweep)) {
      text += fmt::format("- {}\n", markdown_text(sentence));
    }
  }
  if (text.empty()) return text;
  return "\n## Throughput against interactivity\n\nThe speed of one user is the inverse of the median time per output "
         "token. Best: no other load of the contender gives more of one and as much of the other.\n" +
         text;
}

}  // namespace inferbench
