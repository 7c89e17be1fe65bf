// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "analyze/analysis.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

Json interval_json(const std::optional<Interval>& interval) {
  return interval ? Json::array({interval->low, interval->high}) : Json(nullptr);
}

Json variance_json(const std::optional<VarianceShares>& variance) {
  if (!variance) return nullptr;
  Json axes = Json::array();
  for (const AxisShare& axis : variance->axes) {
    axes.push_back({{"axis", axis.axis}, {"share", axis.share}, {"levels", axis.levels}});
  }
  return {{"trials", variance->trials}, {"configurations", variance->configurations}, {"log_sd", variance->log_sd},
          {"axes", std::move(axes)},    {"interactions", variance->interactions},     {"repeats", variance->repeats}};
}

Json exponent_json(const ScalingExponent& exponent) {
  return {{"axis", exponent.axis},
          {"contender", exponent.contender},
          {"exponent", exponent.exponent},
          {"interval_95", interval_json(exponent.interval)},
          {"from", exponent.low},
          {"to", exponent.high},
          {"configurations", exponent.configurations},
          {"groups", exponent.groups}};
}

Json threads_json(const ThreadEfficiency& threads) {
  return {{"contender", threads.contender},
          {"from", threads.from},
          {"to", threads.to},
          {"speedup", threads.speedup.ratio},
          {"interval_95", interval_json(threads.speedup.interval)},
          {"pairs", threads.speedup.n},
          {"efficiency", threads.efficiency}};
}

Json metric_json(const MetricAnalysis& analysis) {
  Json object{{"metric", analysis.metric},
              {"variance", variance_json(analysis.variance)},
              {"scaling", Json::array()},
              {"correlation", Json::object()},
              {"threads", Json::array()}};
  for (const auto& exponent : analysis.scaling) object["scaling"].push_back(exponent_json(exponent));
  for (const auto& correlation : analysis.correlations) object["correlation"][correlation.axis] = correlation.spearman;
  for (const auto& threads : analysis.threads) object["threads"].push_back(threads_json(threads));
  return object;
}

}  // namespace

Json to_json(const AnalysisResult& result) {
  Json object{{"runs", result.runs},
              {"trials", result.trials},
              {"configurations", result.configurations},
              {"metrics", Json::array()}};
  for (const MetricAnalysis& metric : result.metrics) object["metrics"].push_back(metric_json(metric));
  return object;
}

}  // namespace inferbench
