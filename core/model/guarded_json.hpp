// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace inferbench {

/// Parses JSON from a file that nobody vouches for. `file` names it in messages. Throws Error on a syntax error, a text
/// above `max_bytes`, nesting deeper than 64, a key that stands twice in one object, or a NUL byte.
nlohmann::json parse_guarded_json(std::string_view text, const std::string& file, std::size_t max_bytes);

/// What nlohmann-json said, without the offending token (which may be megabytes of anything).
std::string json_complaint(std::string_view what);

}  // namespace inferbench
