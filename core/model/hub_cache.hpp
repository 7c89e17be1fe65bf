// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "support/error.hpp"

namespace inferbench {

/// No model with this reference is on this machine. A model that is here but cannot be read is a plain Error.
class ModelNotFound : public Error {
 public:
  using Error::Error;
};

/// Whether `reference` looks like a hub name: NAME or ORGANIZATION/NAME, either with @REVISION or without, each made of
/// letters, digits, '-', '_' and '.'.
bool is_hub_name(std::string_view reference);

/// The local Hugging Face cache folder, by the same rules as Hugging Face's tools: HF_HUB_CACHE, else HF_HOME/hub, else
/// XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub. nullopt if not even HOME is set.
std::optional<std::filesystem::path> hub_cache_folder();

/// The snapshot folder of a hub model (see is_hub_name): of the branch, tag or commit REVISION, else of main; a cache
/// without refs/ has one snapshot. GPT-2's own names are found with and without their organization. If the model is not
/// in the cache, throws ModelNotFound with the command that downloads it; Error if what is there is not supported.
std::filesystem::path find_in_hub_cache(const std::string& reference);

}  // namespace inferbench
