// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "measure/outcome.hpp"

namespace inferbench {

/// The run of a scenario: the times of each request, one array for each kind of time, in nanoseconds from the first
/// arrival; and the figures that follow from them, for other programs.
nlohmann::json to_json(const ServingOutcome& outcome);

/// Reads the times of requests and derives the figures from them. Throws nlohmann's exceptions; Error for times that
/// cannot be.
ServingOutcome serving_outcome_from(const nlohmann::json& object);

}  // namespace inferbench
