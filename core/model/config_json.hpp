// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "model/model_config.hpp"

namespace inferbench {

/// Reads a Hugging Face GPT-2 config.json. `file` names it in messages. Every setting that would change the logits is
/// either honored or refused: throws Error that names the file, the key and the accepted values. Flags have the
/// defaults of transformers.GPT2Config; the shape has no defaults.
ModelConfig parse_config(std::string_view json, const std::string& file = "config.json");

/// The same, from a file.
ModelConfig read_config(const std::filesystem::path& path);

}  // namespace inferbench
