// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "experiment/metrics.hpp"
#include "experiment/point_fields.hpp"
#include "report/frontier_json.hpp"
#include "report/headline_text.hpp"
#include "report/ratio_json.hpp"
#include "report/report.hpp"
#include "results/model_identity.hpp"
#include "results/outcome_json.hpp"
#include "support/optional_json.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr std::size_t kReportFields = 22;
constexpr std::size_t kContenderFields = 12;
constexpr std::size_t kSummaryFields = 13;

// Reports have thousands of objects, and nlohmann's ordered objects copy their fields, with everything in them, when
// they grow and when they are made from a list in braces. So the large and the many ones start with room for all
// fields.
Json object_with_room(std::size_t fields) {
  Json object = Json::object();
  object.get_ref<Json::object_t&>().reserve(fields);
  return object;
}

// The object must not have the key yet.
void add(Json& object, std::string_view key, Json value) {
  object.get_ref<Json::object_t&>().emplace_back(std::string(key), std::move(value));
}

Json known_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json summary_json(const Summary& summary) {
  Json object = object_with_room(kSummaryFields);
  add(object, "n", summary.n);
  add(object, "mean", summary.mean);
  add(object, "median", summary.median);
  add(object, "min", summary.min);
  add(object, "max", summary.max);
  add(object, "sd", known_or_null(summary.sd));
  add(object, "mean_low",
      known_or_null(summary.mean_interval ? std::optional(summary.mean_interval->low) : std::nullopt));
  add(object, "mean_high",
      known_or_null(summary.mean_interval ? std::optional(summary.mean_interval->high) : std::nullopt));
  add(object, "outliers", summary.outliers);
  add(object, "p50", known_or_null(summary.p50));
  add(object, "p90", known_or_null(summary.p90));
  add(object, "p95", known_or_null(summary.p95));
  add(object, "p99", known_or_null(summary.p99));
  return object;
}

Json same_output_json(const SameOutput& output) {
  return {{"compared", output.compared}, {"same", output.same}};
}

// `of` turns an entry's value into JSON.
template <typename Value, typename Convert>
Json object_of(const std::map<std::string, Value>& entries, Convert of) {
  Json object = object_with_room(entries.size());
  for (const auto& [name, value] : entries) add(object, name, of(value));
  return object;
}

// Of a scenario: where the time went.
Json time_shares_json(const ServingTotals& totals) {
  return {{"backend_s", totals.forward_s},        {"scheduler_s", totals.scheduler_s},
          {"delivery_s", totals.delivery_s},      {"idle_s", totals.idle_s},
          {"latest_ms", totals.latest_ms},        {"steps", totals.steps},
          {"sequences", totals.sequences},        {"prefill_tokens", totals.prefill_tokens},
          {"decode_tokens", totals.decode_tokens}};
}

// Of a scenario that searches a rate.
Json max_rate_json(const RateAnswer& answer) {
  Json object = Json::object();
  object["searches"] = answer.searches;
  object["held"] = answer.held;
  object["unbounded"] = answer.unbounded;
  object["percentile"] = answer.percentile;
  object["rate"] = answer.held > 0 ? Json(answer.rate) : Json(nullptr);
  object["low"] = answer.interval ? Json(answer.interval->low) : Json(nullptr);
  object["high"] = answer.interval ? Json(answer.interval->high) : Json(nullptr);
  return object;
}

Json contender_json(const ContenderResult& result) {
  Json object = object_with_room(kContenderFields);
  add(object, "contender", result.contender);
  if (!result.planned) add(object, "planned", false);
  add(object, "ok", result.ok);
  add(object, "failed", result.failed);
  add(object, "metrics", object_of(result.metrics, summary_json));
  add(object, "vs_baseline", object_of(result.ratios, ratio_json));
  add(object, "same_output", same_output_json(result.same_output));
  Json quantiles = Json::array();
  for (const Quantile& quantile : result.inter_token_quantiles) {
    Json entry = object_with_room(2);
    add(entry, "p", quantile.probability);
    add(entry, "ms", quantile.value);
    quantiles.push_back(std::move(entry));
  }
  add(object, "inter_token_quantiles", std::move(quantiles));
  if (result.served) {
    add(object, "time_shares", time_shares_json(*result.served));
    add(object, "requests", spans_json(result.requests));
  }
  if (result.max_rate) add(object, "max_rate", max_rate_json(*result.max_rate));
  add(object, "load", result.load ? Json(to_json(*result.load)) : Json(nullptr));
  Json failures = Json::array();
  for (const auto& failure : result.failures) {
    failures.push_back({{"status", to_string(failure.status)},
                        {"error", failure.error},
                        {"count", failure.count},
                        {"stderr_tail", failure.stderr_tail}});
  }
  add(object, "failures", std::move(failures));
  return object;
}

Json point_json(const PointResult& result) {
  Json object = object_with_room(kAxes + 3);
  FieldWriter writer(object);
  walk_point(writer, result.point);
  add(object, "model_name", result.model_name);
  Json contenders = Json::array();
  for (const auto& contender : result.contenders) contenders.push_back(contender_json(contender));
  add(object, "contenders", std::move(contenders));
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
  if (kind == MetricKind::kEnergy) return "energy";
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
  Json object = object_with_room(kReportFields);
  add(object, "format", "inferbench-report");
  add(object, "version", kVersion);
  add(object, "name", comparison.name);
  add(object, "folder", comparison.folder);
  add(object, "baseline", comparison.baseline);
  add(object, "planned", comparison.planned);
  add(object, "recorded", comparison.recorded);
  add(object, "failed", comparison.failed);
  add(object, "headlines", Json::array());
  add(object, "agreements", Json::array());
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
  object["frontiers"] = frontiers_json(comparison, report.frontiers);
  put_remarks(object, report);
  object["run"] = Json::parse(to_json_text(report.info));
  const bool compact = style == JsonStyle::kCompact;
  return object.dump(compact ? -1 : 2, ' ', false, Json::error_handler_t::replace) + (compact ? "" : "\n");
}

}  // namespace inferbench
