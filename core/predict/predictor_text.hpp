// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "predict/configuration_query.hpp"
#include "predict/predictor.hpp"

namespace inferbench {

/// What it learned from and how each method did on left-out configurations; at most 100 columns, as the others here.
std::string validation_text(const Predictor& predictor);

/// Each target's method; its coefficients, or what they make of `point`'s time and memory; and what the trees look at.
std::string explanation_text(const Predictor& predictor, const std::optional<AskedConfiguration>& point);

/// A table for each model, prompt, batch and thread count. With requirements, only what fits or may fit.
std::string predictions_text(const Predictor& predictor, std::span<const ConfigurationPrediction> predictions,
                             const std::optional<Requirements>& requirements);

/// All predictions, with a verdict where there are requirements.
nlohmann::ordered_json predictions_json(const Predictor& predictor,
                                        std::span<const ConfigurationPrediction> predictions,
                                        const std::optional<Requirements>& requirements);

}  // namespace inferbench
