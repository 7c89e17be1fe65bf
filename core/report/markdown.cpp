// SPDX-License-Identifier: Apache-2.0
#include "report/markdown.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "experiment/point_text.hpp"
#include "report/frontier_table.hpp"
#include "report/headline_text.hpp"
#include "report/markdown_text.hpp"
#include "report/number_text.hpp"
#include "report/serving_table.hpp"
#include "results/model_identity.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

constexpr double kMiB = 1024.0 * 1024.0;

std::string median_text(const ContenderResult& result, const std::string& metric) {
  const auto found = result.metrics.find(metric);
  return found == result.metrics.end() ? "-" : number_text(found->second.median);
}

std::string ratio_cell(const ContenderResult& result, const std::string& metric, const std::string& baseline) {
  if (result.contender == baseline) return "baseline";
  const auto found = result.ratios.find(metric);
  if (found == result.ratios.end()) return "-";
  return fmt::format("{} {}", speed_text(found->second), to_string(judge(found->second)));
}

std::string output_cell(const ContenderResult& result, const std::string& baseline) {
  if (result.contender == baseline || result.same_output.compared == 0) return "-";
  return fmt::format("{} of {}", result.same_output.same, result.same_output.compared);
}

void put_verdicts(std::string& text, const Report& report) {
  for (const std::string& sentence : failure_sentences(report.failures, report.comparison)) {
    text += fmt::format("- {}\n", markdown_text(sentence));
  }
  for (const Headline& headline : report.headlines) {
    text += fmt::format("- {}\n", markdown_text(headline_text(headline, report.info.baseline)));
  }
  for (const OutputAgreement& agreement : report.agreements) {
    if (agreement.same_output.compared == 0) continue;
    text += fmt::format("- {}\n", markdown_text(agreement_text(agreement, report.info.baseline)));
  }
  if (report.comparison.recorded < report.comparison.planned) {
    text += fmt::format("- {} of {} {} run.\n", report.comparison.recorded,
                        counted(report.comparison.planned, "planned trial"),
                        report.comparison.recorded == 1 ? "was" : "were");
  }
}

void put_results(std::string& text, const Report& report) {
  const bool batches = std::any_of(report.info.points.begin(), report.info.points.end(),
                                   [](const Point& point) { return point.scenario.empty(); });
  if (!batches) return;
  const std::string& baseline = report.comparison.baseline;
  text += fmt::format(
      "\n## Results\n\nMedians; speeds are relative to {0}, with the 99% interval that the verdict comes from. Same "
      "output: trials that emitted the same tokens as {0}.\n\n",
      markdown_text(baseline));
  // Most runs have neither past tokens nor a shared prefix, so these columns are shown only if needed.
  const auto any = [&](std::int32_t Point::*axis) {
    return std::any_of(report.info.points.begin(), report.info.points.end(),
                       [&](const Point& point) { return point.*axis > 0; });
  };
  const bool past = any(&Point::past_tokens);
  const bool prefix = any(&Point::shared_prefix_tokens);
  const bool nodes = std::any_of(report.info.points.begin(), report.info.points.end(),
                                 [](const Point& point) { return !point.node.empty(); });
  text += fmt::format(
      "| model | prompt | generate | batch | threads |{}{}{} contender | ttft ms | prefill tok/s | prefill speed | "
      "decode "
      "tok/s | decode speed | peak MiB | same output |\n|:--|--:|--:|--:|--:|{}{}{}:--|--:|--:|:--|--:|:--|--:|--:|\n",
      past ? " past |" : "", prefix ? " shared prefix |" : "", nodes ? " node |" : "", past ? "--:|" : "",
      prefix ? "--:|" : "", nodes ? ":--|" : "");
  for (const PointResult& point : report.comparison.points) {
    const Point& at = point.point;
    if (!at.scenario.empty()) continue;  // see serving_markdown
    const std::string where =
        fmt::format("| {} | {} | {} | {} | {} |{}{}{}", markdown_text(point.model_name), at.prompt_tokens,
                    at.generate_tokens, at.batch, at.threads, past ? fmt::format(" {} |", at.past_tokens) : "",
                    prefix ? fmt::format(" {} |", at.shared_prefix_tokens) : "",
                    nodes ? fmt::format(" {} |", markdown_text(at.node)) : "");
    for (const ContenderResult& result : point.contenders) {
      if (!result.planned && result.recorded == 0) continue;
      const auto peak = result.metrics.find("peak_rss_bytes");
      text += fmt::format(
          "{} {} | {} | {} | {} | {} | {} | {} | {} |\n", where, markdown_text(result.contender),
          median_text(result, "ttft_ms"), median_text(result, "prefill_tokens_per_s"),
          ratio_cell(result, "prefill_tokens_per_s", baseline), median_text(result, "decode_tokens_per_s"),
          ratio_cell(result, "decode_tokens_per_s", baseline),
          peak == result.metrics.end() ? "-" : number_text(peak->second.max / kMiB), output_cell(result, baseline));
    }
  }
}

std::string kl_text(double kl) {
  return kl >= 1e-3 && kl < 1e4 ? fmt::format("{:.2g}", kl) : fmt::format("{:.1e}", kl);
}

void put_quality(std::string& text, const Report& report) {
  if (report.quality.empty()) return;
  text += fmt::format(
      "\n## Quality\n\nAgainst {}; KL in nats per token with its 95% interval.\n\n"
      "| contender | model | text | verdict | KL | bound | top-1 | top-5 | perplexity | reference perplexity |\n"
      "|:--|:--|:--|:--|--:|--:|--:|--:|--:|--:|\n",
      markdown_text(report.quality.front().reference));
  for (const QualityRecord& record : report.quality) {
    const std::string verdict = record.ok() ? "ok" : fmt::format("{}: {}", to_string(record.status), record.error);
    text += fmt::format("| {} | {} | {} | {} |", markdown_text(record.contender),
                        markdown_text(model_name(report.info, record.model)),
                        record.text.empty() ? "random tokens" : markdown_text(record.text), markdown_text(verdict));
    const std::string bound = record.max_kl ? kl_text(*record.max_kl) : "-";
    if (!record.agreement || !record.agreement->reference) {
      text += fmt::format(" - | {} | - | - | - | - |\n", bound);
      continue;
    }
    const Agreement& agreement = *record.agreement;
    const ReferenceAgreement& reference = *agreement.reference;
    const auto& interval = reference.kl.interval;
    text += fmt::format(" {}{} | {} | {:.2f}% | {:.2f}% |", kl_text(reference.kl.value),
                        interval ? fmt::format(" ({}-{})", kl_text(interval->low), kl_text(interval->high)) : "", bound,
                        100 * reference.top1.value, 100 * reference.top5.value);
    // A perplexity of random tokens is meaningless.
    text += record.text.empty() ? " - | - |\n"
                                : fmt::format(" {:.4f} | {:.4f} |\n", agreement.perplexity.value, reference.perplexity);
  }
}

void put_notes(std::string& text, const std::vector<std::string>& notes) {
  if (notes.empty()) return;
  text += "\n## How it was measured\n\n";
  for (const std::string& note : notes) text += fmt::format("- {}\n", markdown_text(note));
}

// "prompt 16, generate 12, batch 1, threads 2" for a single point, otherwise the number of points.
std::string places_text(const FailureGroup& group, const Comparison& comparison) {
  if (group.points.size() == 1) {
    const PointResult& point = comparison.points[group.points.front()];
    return markdown_text(point_title(point.model_name, point.point));
  }
  return fmt::format("{} of {}", group.points.size(), comparison.points.size());
}

void put_failures(std::string& text, const Report& report) {
  if (report.failures.empty()) return;
  text +=
      "\n## Failures\n\n| status | contender | trials | then skipped | points | reason |\n"
      "|:--|:--|--:|--:|:--|:--|\n";
  for (const FailureGroup& group : report.failures) {
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n", markdown_text(to_string(group.status)),
                        markdown_text(group.contender), group.trials, group.skipped,
                        places_text(group, report.comparison), markdown_text(failure_reason(group)));
  }
}

void put_checks(std::string& text, const Report& report) {
  if (report.checks.empty()) return;
  const CheckCounts counts = count_verdicts(report.checks);
  text += fmt::format("\n## Targets\n\n{} passed, {} failed, {} unclear.\n", counts.pass, counts.fail, counts.unclear);
  if (counts.fail + counts.unclear == 0) return;
  text += "\n| verdict | requirement | contender | point | found |\n|:--|:--|:--|:--|:--|\n";
  for (const CheckResult& check : report.checks) {
    if (check.verdict == CheckVerdict::kPass) continue;
    text += fmt::format("| {} | {} | {} | {} | {} |\n", to_string(check.verdict), markdown_text(check.requirement),
                        markdown_text(check.contender), markdown_text(check.point), markdown_text(check.found));
  }
}

// The environment's leaf values, "cpu / model: AMD EPYC", without unknown ones.
void put_environment(std::string& text, const RunInfo& info) {
  text += fmt::format("\n## Environment\n\n- {}, started {}\n", markdown_text(info.program), info.started);
  for (const PluginIdentity& plugin : info.plugins) {
    if (plugin.sha256.empty()) {
      text += fmt::format("- {}: the server at {}\n", markdown_text(plugin.contender), markdown_text(plugin.path));
      continue;
    }
    text += fmt::format("- {}: {} {}, {}, SHA-256 {}\n", markdown_text(plugin.contender), markdown_text(plugin.name),
                        markdown_text(plugin.version), markdown_text(plugin.build), plugin.sha256.substr(0, 12));
  }
  for (const ModelIdentity& model : info.models) {
    text += fmt::format("- model {}: {} parameters, SHA-256 {}\n", markdown_text(model.name), model.n_parameters,
                        model.sha256.substr(0, 12));
  }
  const auto environment = nlohmann::ordered_json::parse(info.environment, nullptr, false);
  if (!environment.is_object()) return;
  const auto flat = environment.flatten();  // items() refers to it
  for (const auto& [path, value] : flat.items()) {
    if (value.is_null()) continue;
    const std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    if (shown.empty()) continue;
    text += fmt::format("- {}: {}\n", markdown_text(path.substr(1)), markdown_text(shown));
  }
}

}  // namespace

std::string report_markdown(const Report& report) {
  std::string text = fmt::format("# {}\n\n", markdown_text(report.comparison.name));
  put_verdicts(text, report);
  put_checks(text, report);
  put_results(text, report);
  text += serving_markdown(report.comparison);
  text += frontier_markdown(report.comparison, report.frontiers);
  put_quality(text, report);
  put_failures(text, report);
  put_notes(text, report.notes);
  put_environment(text, report.info);
  text += "\n## Experiment\n\n" + markdown_code(report.info.resolved_yaml, "yaml");
  return text;
}

}  // namespace inferbench
