// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <optional>

#include "experiment/metrics.hpp"
#include "experiment/point_fields.hpp"
#include "report/headline_text.hpp"
#include "report/report.hpp"
#include "results/model_identity.hpp"
#include "results/outcome_json.hpp"
#include "support/optional_json.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;

Json summary_json(const Summary& summary) {
  return {{"n", summary.n},
          {"mean", summary.mean},
          {"median", summary.median},
          {"min", summary.min},
          {"max", summary.max},
          {"sd", or_null(summary.sd)},
          {"mean_low", or_null(summary.mean_interval ? std::optional(summary.mean_interval->low) : std::nullopt)},
          {"mean_high", or_null(summary.mean_interval ? std::optional(summary.mean_interval->high) : std::nullopt)},
          {"outliers", summary.outliers},
          {"p50", or_null(summary.p50)},
          {"p90", or_null(summary.p90)},
          {"p95", or_null(summary.p95)},
          {"p99", or_null(summary.p99)}};
}

Json ratio_json(const SpeedRatio& ratio) {
  Json object{
      {"n", ratio.n}, {"speed_ratio", ratio.ratio}, {"level", ratio.level}, {"low", nullptr}, {"high", nullptr}};
  if (ratio.interval) {
    object["low"] = ratio.interval->low;
    object["high"] = ratio.interval->high;
  }
  object["verdict"] = to_string(judge(ratio));
  return object;
}

Json same_output_json(const SameOutput& output) {
  return {{"compared", output.compared}, {"same", output.same}};
}

Json contender_json(const ContenderResult& result) {
  Json object{{"contender", result.contender}, {"ok", result.ok}, {"failed", result.failed}};
  object["metrics"] = Json::object();
  for (const auto& [name, summary] : result.metrics) object["metrics"][name] = summary_json(summary);
  object["vs_baseline"] = Json::object();
  for (const auto& [name, ratio] : result.ratios) object["vs_baseline"][name] = ratio_json(ratio);
  object["same_output"] = same_output_json(result.same_output);
  object["inter_token_quantiles"] = Json::array();
  for (const Quantile& quantile : result.inter_token_quantiles) {
    object["inter_token_quantiles"].push_back({{"p", quantile.probability}, {"ms", quantile.value}});
  }
  object["load"] = result.load ? Json(to_json(*result.load)) : Json(nullptr);
  object["failures"] = Json::array();
  for (const auto& failure : result.failures) {
    object["failures"].push_back({{"status", to_string(failure.status)},
                                  {"error", failure.error},
                                  {"count", failure.count},
                                  {"stderr_tail", failure.stderr_tail}});
  }
  return object;
}

Json point_json(const PointResult& result) {
  Json object = Json::object();
  FieldWriter writer(object);
  walk_point(writer, result.point);
  object["model_name"] = result.model_name;
  object["contenders"] = Json::array();
  for (const auto& contender : result.contenders) object["contenders"].push_back(contender_json(contender));
  return object;
}

Json headline_json(const Headline& headline, const std::string& baseline) {
  Json object{{"metric", headline.metric},
              {"text", headline_text(headline, baseline)},
              {"standing", standing_text(headline)},
              {"fastest", headline.fastest},
              {"fastest_output", same_output_json(headline.fastest_output)},
              {"second", headline.second},
              {"ahead_of_second", headline.ahead ? ratio_json(*headline.ahead) : Json(nullptr)},
              {"speeds", Json::array()}};
  for (const OverallSpeed& speed : headline.speeds) {
    Json entry{{"contender", speed.contender}, {"points", speed.points}};
    entry.update(ratio_json(speed.ratio));
    entry["least"] = speed.least;
    entry["most"] = speed.most;
    object["speeds"].push_back(std::move(entry));
  }
  return object;
}

Json agreement_json(const OutputAgreement& agreement, const std::string& baseline) {
  return {{"contender", agreement.contender},
          {"text", agreement_text(agreement, baseline)},
          {"same_output", same_output_json(agreement.same_output)}};
}

// The record as in quality.jsonl, plus the model's short name.
Json quality_json(const QualityRecord& record, const RunInfo& info) {
  Json object = Json::parse(to_json_line(record));
  object["model_name"] = model_name(info, record.model);
  return object;
}

Json disturbed_json(const DisturbedTrial& trial) {
  return {{"point", trial.point},     {"contender", trial.contender},       {"block", trial.block},
          {"attempt", trial.attempt}, {"disturbed_by", trial.disturbed_by}, {"counted", trial.counted}};
}

Json outlier_json(const Outlier& outlier) {
  return {{"point", outlier.point},   {"contender", outlier.contender}, {"block", outlier.block},
          {"metric", outlier.metric}, {"value", outlier.value},         {"median", outlier.median}};
}

Json failure_json(const FailureGroup& group) {
  return {{"contender", group.contender}, {"status", to_string(group.status)},
          {"error", group.error},         {"varies", group.varies},
          {"trials", group.trials},       {"skipped", group.skipped},
          {"points", group.points},       {"stderr_tail", group.stderr_tail}};
}

Json judged_json(const CheckResult& check) {
  return {{"requirement", check.requirement},
          {"contender", check.contender},
          {"point", check.point},
          {"verdict", to_string(check.verdict)},
          {"found", check.found}};
}

std::string_view kind_text(MetricKind kind) {
  if (kind == MetricKind::kSpeed) return "speed";
  return kind == MetricKind::kMemory ? "memory" : "other";
}

// Properties of each metric that this run has.
Json metrics_json(const Comparison& comparison) {
  Json list = Json::array();
  for (const Metric& metric : all_metrics()) {
    if (!has_metric(comparison.points, std::string(metric.name))) continue;
    list.push_back({{"name", metric.name},
                    {"unit", metric.unit},
                    {"title", metric.title},
                    {"column", metric.column},
                    {"kind", kind_text(metric.kind)},
                    {"more_is_better", metric.more_is_better},
                    {"headline", metric.headline}});
  }
  return list;
}

void put_remarks(Json& object, const Report& report) {
  object["quality"] = Json::array();
  for (const auto& record : report.quality) object["quality"].push_back(quality_json(record, report.info));
  object["disturbed"] = Json::array();
  for (const auto& trial : report.disturbed) object["disturbed"].push_back(disturbed_json(trial));
  object["outliers"] = Json::array();
  for (const auto& outlier : report.outliers) object["outliers"].push_back(outlier_json(outlier));
  object["notes"] = report.notes;
  object["analysis"] = report.analysis ? to_json(*report.analysis) : Json(nullptr);
}

}  // namespace

std::string report_json(const Report& report, JsonStyle style) {
  const Comparison& comparison = report.comparison;
  Json object{{"format", "inferbench-report"},   {"version", kVersion},
              {"name", comparison.name},         {"folder", comparison.folder},
              {"baseline", comparison.baseline}, {"planned", comparison.planned},
              {"recorded", comparison.recorded}, {"failed", comparison.failed},
              {"headlines", Json::array()},      {"agreements", Json::array()}};
  for (const auto& headline : report.headlines) {
    object["headlines"].push_back(headline_json(headline, comparison.baseline));
  }
  for (const auto& agreement : report.agreements) {
    object["agreements"].push_back(agreement_json(agreement, comparison.baseline));
  }
  object["failures"] = Json::array();
  for (const FailureGroup& group : report.failures) object["failures"].push_back(failure_json(group));
  object["failure_sentences"] = failure_sentences(report.failures, comparison);
  object["checks"] = Json::array();
  for (const CheckResult& check : report.checks) object["checks"].push_back(judged_json(check));
  object["metrics"] = metrics_json(comparison);
  object["points"] = Json::array();
  for (const auto& point : comparison.points) object["points"].push_back(point_json(point));
  put_remarks(object, report);
  object["run"] = Json::parse(to_json_text(report.info));
  const bool compact = style == JsonStyle::kCompact;
  return object.dump(compact ? -1 : 2, ' ', false, Json::error_handler_t::replace) + (compact ? "" : "\n");
}

}  // namespace inferbench
