// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "predict/point_text.hpp"
#include "predict/predictor.hpp"

namespace inferbench {

/// All combinations of the query's values. A missing key takes every value that was measured; past_tokens is 0 by
/// default. layers and width define a GPT-2 of that shape (heads of 64, inner size 4 x width, otherwise GPT-2's sizes).
/// Throws Error for a model that is neither known to the predictor nor available, and for more than 100,000
/// combinations.
std::vector<AskedConfiguration> asked_configurations(const Predictor& predictor, const PointQuery& query);

/// The query's requirements. An absent one is not checked.
struct Requirements {
  std::optional<double> memory_bytes;  ///< maximum, both while loading and while running
  std::optional<double> decode_ms;     ///< maximum per token
};

enum class Fit { kYes, kNo, kUnclear };

std::string_view to_string(Fit fit);

/// yes: each requirement's intervals are entirely within the bound. no: one interval is entirely beyond it. Otherwise
/// unclear, also for a prediction without an interval.
Fit judge(const ConfigurationPrediction& prediction, const Requirements& requirements);

}  // namespace inferbench
