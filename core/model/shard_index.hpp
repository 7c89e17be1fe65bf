// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// model.safetensors.index.json: maps each tensor to the file in the folder that holds it.
struct ShardIndex {
  std::map<std::string, std::string> file_of;  ///< tensor name as stored -> file name
  std::vector<std::string> files;              ///< unique, sorted
};

/// Parses the index. `file` names it in messages. File names outside the folder are refused. Throws Error.
ShardIndex parse_shard_index(std::string_view json, const std::string& file = "model.safetensors.index.json");
ShardIndex read_shard_index(const std::filesystem::path& path);

}  // namespace inferbench
