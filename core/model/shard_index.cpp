// SPDX-License-Identifier: Apache-2.0
#include "model/shard_index.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "model/guarded_json.hpp"
#include "model/in_quotes.hpp"
#include "model/mapped_file.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kMaxIndexBytes = std::size_t{16} << 20;

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos && name.size() <= 255;
}

}  // namespace

ShardIndex parse_shard_index(std::string_view json, const std::string& file) {
  constexpr const char* kFetchAgain = "fetch the file again";
  const auto parsed = parse_guarded_json(json, file, kMaxIndexBytes);
  const auto map = parsed.is_object() ? parsed.find("weight_map") : parsed.end();
  if (map == parsed.end() || !map->is_object() || map->empty()) {
    throw Error(fmt::format("{}: no \"weight_map\" object with tensors", file), kFetchAgain);
  }
  ShardIndex index;
  std::set<std::string> files;
  for (const auto& [tensor, value] : map->items()) {
    if (!value.is_string()) {
      throw Error(fmt::format("{}: weight_map: tensor {} has no file name", file, in_quotes(tensor)), kFetchAgain);
    }
    const auto& name = value.get_ref<const std::string&>();
    if (!is_plain_file_name(name)) {
      throw Error(fmt::format("{}: weight_map: tensor {}: {} is not the name of a file in the folder", file,
                              in_quotes(tensor), in_quotes(name)),
                  kFetchAgain);
    }
    index.file_of.emplace(tensor, name);
    files.insert(name);
  }
  index.files.assign(files.begin(), files.end());
  return index;
}

ShardIndex read_shard_index(const std::filesystem::path& path) {
  return parse_shard_index(read_small_file(path, kMaxIndexBytes), path.string());
}

}  // namespace inferbench
