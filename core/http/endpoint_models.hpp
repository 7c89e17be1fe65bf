// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "http/endpoint.hpp"

namespace inferbench {

/// Asks GET /models, which also shows whether the server answers and accepts the API key. Absent: the server has no
/// such path (404, 405 or 501). Throws EndpointError, with one line that does not show the API key, and Error if the
/// URL is not one.
std::optional<std::vector<std::string>> list_endpoint_models(const Endpoint& endpoint);

}  // namespace inferbench
