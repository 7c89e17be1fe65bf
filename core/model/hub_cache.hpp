// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "support/error.hpp"

namespace inferbench {

/// A model reference names nothing that is here. A model that is here but cannot be read is a plain Error.
class ModelNotFound : public Error {
 public:
  using Error::Error;
};

/// Does `reference` look like a hub name: NAME or ORGANISATION/NAME of letters, digits, '-', '_' and '.'?
bool is_hub_name(std::string_view reference);

/// The folder of the local Hugging Face cache, where its tools would look: HF_HUB_CACHE, else HF_HOME/hub, else
/// XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub. Nothing where not even HOME is set.
std::optional<std::filesystem::path> hub_cache_folder();

/// The snapshot folder of hub model `name` (see is_hub_name) at revision main. GPT-2's own names are found with and
/// without their organisation. Throws ModelNotFound, with the command that fetches the
/// model, if it is not in the cache.
std::filesystem::path find_in_hub_cache(const std::string& name);

}  // namespace inferbench
