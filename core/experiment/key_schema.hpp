// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "experiment/keys.hpp"

namespace inferbench {

/// A JSON Schema of the files that the table describes (draft 7, which editors' YAML support reads). `title` names the
/// files. It accepts the same files as the reader, except for checks that need backends, models or this machine.
nlohmann::ordered_json json_schema_of(const KeyTable& keys, const std::string& title);

}  // namespace inferbench
