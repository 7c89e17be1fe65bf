// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "measure/outcome.hpp"

namespace inferbench {

/// The fields of an outcome as a flat JSON object; absent optionals are null. The readers throw nlohmann's exceptions,
/// or Error for an unknown status.
nlohmann::json to_json(const LoadOutcome& outcome);
nlohmann::json to_json(const TrialOutcome& outcome);
/// The ids, the profile and the scenario of a trial, which are not plain numbers; empty for the many trials that have
/// none of them.
nlohmann::json rare_fields(const TrialOutcome& outcome);
LoadOutcome load_outcome_from(const nlohmann::json& object);
TrialOutcome trial_outcome_from(const nlohmann::json& object);

}  // namespace inferbench
