// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "measure/outcome.hpp"

namespace inferbench {

/// The fields of an outcome as a flat JSON object; absent optionals are null. The readers throw nlohmann's exceptions,
/// or Error for an unknown status.
nlohmann::json to_json(const LoadOutcome& outcome);
nlohmann::json to_json(const TrialOutcome& outcome);
/// The part of a trial's outcome that is no plain number, and that few trials have: empty for the others.
nlohmann::json ids_and_profile(const TrialOutcome& outcome);
LoadOutcome load_outcome_from(const nlohmann::json& object);
TrialOutcome trial_outcome_from(const nlohmann::json& object);

}  // namespace inferbench
