// SPDX-License-Identifier: Apache-2.0
#include "report/ratio_json.hpp"

#include <nlohmann/json.hpp>

namespace inferbench {

nlohmann::ordered_json ratio_json(const SpeedRatio& ratio) {
  using Json = nlohmann::ordered_json;
  // Written in place: a list in braces copies every value, and a report has thousands of ratios.
  Json made = Json::object();
  auto& fields = made.get_ref<Json::object_t&>();
  fields.reserve(6);
  fields.emplace_back("n", ratio.n);
  fields.emplace_back("speed_ratio", ratio.ratio);
  fields.emplace_back("level", ratio.level);
  fields.emplace_back("low", ratio.interval ? Json(ratio.interval->low) : Json(nullptr));
  fields.emplace_back("high", ratio.interval ? Json(ratio.interval->high) : Json(nullptr));
  fields.emplace_back("verdict", to_string(judge(ratio)));
  return made;
}

}  // namespace inferbench
