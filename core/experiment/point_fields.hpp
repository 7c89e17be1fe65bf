// SPDX-License-Identifier: Apache-2.0
// The JSON fields of a point, each listed once: see support/field_list.hpp.
#pragma once

#include <string>

#include "experiment/axes.hpp"
#include "support/field_list.hpp"

namespace inferbench {

template <typename Archive, typename Value>
void walk_point(Archive& archive, Value& point) {
  archive.text("model", point.model);
  for (const std::string_view name : kAxesAsTold) {
    const AxisRule& axis = axis_rule(name);
    const std::string key(name);
    if (axis.optional()) {
      archive.later_integer(key.c_str(), point.*axis.field);
    } else {
      archive.integer(key.c_str(), point.*axis.field);
    }
  }
  archive.text_if_any("machine", point.node);
  archive.text_if_any("scenario", point.scenario);
}

}  // namespace inferbench
