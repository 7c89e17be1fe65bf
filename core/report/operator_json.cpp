// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <nlohmann/json.hpp>

#include "report/operator_report.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// JSON has no infinity.
Json finite_json(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json shape_json(const OperatorSpec& spec) {
  Json shape = Json::object();
  for (const std::string& key : operator_keys(spec.op)) {
    const std::int32_t value = get_key(spec, key);
    const auto& words = key_words(key);
    if (is_flag(key)) {
      shape[key] = value != 0;
    } else if (words.empty()) {
      shape[key] = value;
    } else {
      shape[key] = words.at(static_cast<std::size_t>(value));
    }
  }
  return shape;
}

Json interval_json(const std::optional<Interval>& interval) {
  return interval ? Json::array({interval->low, interval->high}) : Json(nullptr);
}

void put_figures(Json& object, const OperatorFigures& figures) {
  object["run_us"] = {{"median", figures.run_s.median * 1e6},
                      {"mean", figures.run_s.mean * 1e6},
                      {"min", figures.run_s.min * 1e6},
                      {"max", figures.run_s.max * 1e6}};
  object["bytes_per_s"] = figures.bytes_per_s;
  object["flops_per_s"] = figures.flops_per_s;
  object["share_of_limit"] = optional_json(figures.share());
  object["bound"] =
      figures.limit.seconds > 0 ? Json(figures.limit.by_memory() ? "memory" : "arithmetic") : Json(nullptr);
  object["limit_us"] = {{"memory", figures.limit.memory_s * 1e6}, {"arithmetic", figures.limit.arithmetic_s * 1e6}};
  object["disturbed"] = figures.disturbed;
  if (!figures.speed) return;
  object["speed_ratio"] = {{"ratio", figures.speed->ratio},
                           {"level", figures.speed->level},
                           {"interval", interval_json(figures.speed->interval)},
                           {"pairs", figures.speed->n},
                           {"verdict", to_string(judge(*figures.speed))}};
}

Json row_json(const OperatorResults& results, const OperatorResult& point, const OperatorRow& row) {
  Json object{{"contender", row.contender}, {"precision", row.precision},     {"status", to_string(row.status)},
              {"error", row.error},         {"stderr_tail", row.stderr_tail}, {"kernels", row.kernels}};
  object["weights_bytes"] = row.weights_bytes;
  object["kv_bytes"] = row.kv_bytes;
  object["copies"] = row.n_copies;
  object["teardown_fault"] = row.teardown_fault.empty() ? Json(nullptr) : Json(row.teardown_fault);
  object["max_error"] = row.distance ? finite_json(row.distance->max) : Json(nullptr);
  object["rms_error"] = row.distance ? finite_json(row.distance->rms) : Json(nullptr);
  object["tolerance"] = row.tolerance ? Json(row.tolerance->max) : Json(nullptr);
  object["rms_tolerance"] = row.tolerance ? Json(row.tolerance->rms) : Json(nullptr);
  if (const auto figures = operator_figures(results, point, row)) put_figures(object, *figures);
  Json samples = Json::array();
  for (const auto* times : {&row.times, &row.replaced}) {
    for (const OperatorTime& time : *times) {
      samples.push_back({{"block", time.block},
                         {"attempt", time.attempt},
                         {"counted", times == &row.times},
                         {"runs", time.runs},
                         {"run_us", time.run_s * 1e6},
                         {"disturbed_by", time.disturbed_by}});
    }
  }
  object["samples"] = std::move(samples);
  return object;
}

}  // namespace

std::string operator_json(const OperatorResults& results) {
  const OperatorMeasure& measure = results.experiment.measure;
  Json json{{"name", results.experiment.name},
            {"baseline", results.experiment.baseline},
            {"measure",
             {{"blocks", measure.blocks},
              {"sample_ms", measure.sample_ms},
              {"seed", measure.seed},
              {"repeat_disturbed", measure.repeat_disturbed},
              {"cache", to_string(measure.cache)}}},
            {"machine", results.machine ? to_json(*results.machine) : Json(nullptr)}};
  Json points = Json::array();
  for (const OperatorResult& point : results.points) {
    Json object{{"op", operator_name(point.point.spec.op)},
                {"shape", shape_json(point.point.spec)},
                {"threads", point.point.threads},
                {"flops", operator_flops(point.point.spec).all()}};
    Json rows = Json::array();
    for (const OperatorRow& row : point.rows) rows.push_back(row_json(results, point, row));
    object["contenders"] = std::move(rows);
    points.push_back(std::move(object));
  }
  json["points"] = std::move(points);
  return json.dump(2) + "\n";
}

}  // namespace inferbench
