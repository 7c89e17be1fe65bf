// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "predict/configuration_query.hpp"
#include "predict/predictor.hpp"

namespace inferbench {

/// The training data and each method's scores on left-out configurations. At most 100 columns, like the other texts
/// here.
std::string validation_text(const Predictor& predictor);

/// Each target's method, its coefficients (or with `point`, the time and memory they give for it), and the features
/// that the trees use.
std::string explanation_text(const Predictor& predictor, const std::optional<AskedConfiguration>& point);

/// One table per model, prompt, batch and thread count. With requirements, only configurations that fit or may fit.
std::string predictions_text(const Predictor& predictor, std::span<const ConfigurationPrediction> predictions,
                             const std::optional<Requirements>& requirements);

/// All predictions, with a verdict if there are requirements.
nlohmann::ordered_json predictions_json(const Predictor& predictor,
                                        std::span<const ConfigurationPrediction> predictions,
                                        const std::optional<Requirements>& requirements);

}  // namespace inferbench
