// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "stats/ratio.hpp"

namespace inferbench {

/// A speed ratio with its interval and verdict, in all reports' JSON.
nlohmann::ordered_json ratio_json(const SpeedRatio& ratio);

}  // namespace inferbench
