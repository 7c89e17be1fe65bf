// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace inferbench {

/// The message of a JSON library exception, reworded for users: "not valid JSON at line 3, column 7", "'name' is
/// missing", "expected string, found number". One line.
std::string json_problem(const nlohmann::json::exception& error);

}  // namespace inferbench
