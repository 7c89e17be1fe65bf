// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace inferbench {

/// Parses JSON from an untrusted file. `file` names it in messages. Throws Error on a syntax error, a text longer than
/// `max_bytes`, nesting deeper than 64, a duplicate key in an object, or a NUL byte.
nlohmann::json parse_guarded_json(std::string_view text, const std::string& file, std::size_t max_bytes);

/// The error message of nlohmann-json without the offending token, which may be megabytes long.
std::string json_complaint(std::string_view what);

}  // namespace inferbench
