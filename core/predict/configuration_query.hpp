// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "predict/point_text.hpp"
#include "predict/predictor.hpp"

namespace inferbench {

/// All combinations of the query's values; a key that it lacks takes every value that was measured. layers and width
/// make a GPT-2 of that shape (heads of 64, inner four times the width, the other sizes GPT-2's). Throws Error for a
/// model that is neither known to the predictor nor there, and for more than 100,000 combinations.
std::vector<AskedConfiguration> asked_configurations(const Predictor& predictor, const PointQuery& query);

/// The query's wishes; absent: anything goes.
struct Requirements {
  std::optional<double> memory_bytes;  ///< at most: while loading and while running
  std::optional<double> decode_ms;     ///< at most, a token
};

enum class Fit { kYes, kNo, kUnclear };

std::string_view to_string(Fit fit);

/// yes: the whole interval of each requirement's metrics lies within; no: that of one lies without; else unclear, as is
/// a prediction without an interval.
Fit judge(const ConfigurationPrediction& prediction, const Requirements& requirements);

}  // namespace inferbench
