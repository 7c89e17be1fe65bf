// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>

#include "worker/requests.hpp"

namespace inferbench {

nlohmann::json to_json(const ServingRequest& request);
/// Throws nlohmann's exceptions for a malformed object, and ProtocolError for numbers that no host would send.
ServingRequest serving_request_from(const nlohmann::json& object);

/// Ids of all prompts together.
std::size_t prompt_ids_of(const ServingRequest& request);

}  // namespace inferbench
