// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "model/model_config.hpp"

namespace inferbench {

/// Reads a Hugging Face config.json of any of families(). `file` names it in messages. Every setting that would change
/// the logits is either honored or refused: throws Error that names the file, the key and the accepted values. Settings
/// have the defaults of transformers' configuration classes; sizes have none, except where a published file leaves them
/// out.
ModelConfig parse_config(std::string_view json, const std::string& file = "config.json");

/// The same, from a file. If a generation_config.json beside it names the tokens that end a text, they replace those of
/// config.json.
ModelConfig read_config(const std::filesystem::path& path);

}  // namespace inferbench
