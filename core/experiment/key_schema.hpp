// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "experiment/keys.hpp"

namespace inferbench {

/// A JSON Schema (draft 7, which editors' YAML support reads) of the files that the table describes. `title` names
/// them. It accepts what the reader accepts, as far as that can be told without backends, models and this machine.
nlohmann::ordered_json json_schema_of(const KeyTable& keys, const std::string& title);

}  // namespace inferbench
