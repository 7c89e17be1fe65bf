// SPDX-License-Identifier: Apache-2.0
#include "report/frontier_json.hpp"

#include "report/frontier_table.hpp"
#include "report/ratio_json.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

Json known_number(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

// 0 stands for none.
Json bound_json(double bound) {
  return bound > 0 ? Json(bound) : Json(nullptr);
}

Json load_json(const LoadPoint& load) {
  return {{"point", load.point},
          {"per_user_tokens_per_s", load.speed.per_user},
          {"output_tokens_per_s", load.speed.machine},
          {"optimal", load.optimal},
          {"cost_per_million_tokens", known_number(load.cost_per_million)},
          {"tokens_per_joule", known_number(load.tokens_per_joule)},
          {"bound_by", load_bound_text(load.bound)}};
}

Json curve_json(const LoadCurve& curve) {
  Json loads = Json::array();
  for (const LoadPoint& load : curve.loads) loads.push_back(load_json(load));
  Json object{{"contender", curve.contender},
              {"loads", std::move(loads)},
              {"output_tokens_per_s_at", known_number(curve.machine_at)},
              {"vs_baseline", nullptr}};
  if (curve.vs_baseline) object["vs_baseline"] = ratio_json(*curve.vs_baseline);
  return object;
}

}  // namespace

Json frontiers_json(const Comparison& comparison, const Frontiers& frontiers) {
  Json sweeps = Json::array();
  for (const LoadSweep& sweep : frontiers.sweeps) {
    Json curves = Json::array();
    for (const LoadCurve& curve : sweep.curves) curves.push_back(curve_json(curve));
    sweeps.push_back({{"points", sweep.points},
                      {"curves", std::move(curves)},
                      {"sentences", interactivity_sentences(comparison, frontiers, sweep)}});
  }
  Json object{
      {"objective",
       {{"ttft_ms", bound_json(frontiers.objective.ttft_ms)}, {"tpot_ms", bound_json(frontiers.objective.tpot_ms)}}},
      {"at_tokens_per_s_per_user", known_number(frontiers.at)},
      {"cost", nullptr},
      {"sweeps", std::move(sweeps)}};
  if (frontiers.cost) {
    object["cost"] = {{"per_hour", frontiers.cost->per_hour}, {"currency", frontiers.cost->currency}};
  }
  return object;
}

Json spans_json(const std::vector<RequestSpan>& spans) {
  Json list = Json::array();
  for (const RequestSpan& span : spans) {
    list.push_back({{"lane", span.lane},
                    {"arrival_ms", span.arrival_ms},
                    {"admitted_ms", span.admitted_ms},
                    {"first_token_ms", span.first_token_ms},
                    {"end_ms", span.end_ms},
                    {"prompt_tokens", span.prompt_tokens},
                    {"tokens", span.tokens}});
  }
  return list;
}

}  // namespace inferbench
