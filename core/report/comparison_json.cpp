// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>
#include <optional>

#include "report/comparison.hpp"
#include "results/outcome_json.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

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
  Json object{{"n", ratio.n}, {"speed_ratio", ratio.ratio}, {"low", nullptr}, {"high", nullptr}};
  if (ratio.interval) {
    object["low"] = ratio.interval->low;
    object["high"] = ratio.interval->high;
  }
  object["verdict"] = to_string(judge(ratio));
  return object;
}

Json contender_json(const ContenderResult& result) {
  Json object{{"contender", result.contender}, {"ok", result.ok}, {"failed", result.failed}};
  object["metrics"] = Json::object();
  for (const auto& [name, summary] : result.metrics) object["metrics"][name] = summary_json(summary);
  object["vs_baseline"] = Json::object();
  for (const auto& [name, ratio] : result.ratios) object["vs_baseline"][name] = ratio_json(ratio);
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
  Json object{{"model", result.point.model},
              {"model_name", result.model_name},
              {"prompt_tokens", result.point.prompt_tokens},
              {"generate_tokens", result.point.generate_tokens},
              {"batch", result.point.batch},
              {"threads", result.point.threads},
              {"contenders", Json::array()}};
  for (const auto& contender : result.contenders) object["contenders"].push_back(contender_json(contender));
  return object;
}

}  // namespace

std::string to_json_text(const Comparison& comparison) {
  Json object{{"name", comparison.name},       {"folder", comparison.folder},     {"baseline", comparison.baseline},
              {"planned", comparison.planned}, {"recorded", comparison.recorded}, {"failed", comparison.failed},
              {"points", Json::array()}};
  for (const auto& point : comparison.points) object["points"].push_back(point_json(point));
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace inferbench
