// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace inferbench::test {

/// Empty if `document` conforms to the JSON Schema (draft 7); otherwise the violations.
std::string validate_json(const nlohmann::json& document, const nlohmann::json& schema);

}  // namespace inferbench::test
