// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: any bytes as model.safetensors.index.json. No accepted file name leaves the folder.
#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "check.hpp"
#include "model/shard_index.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using inferbench::fuzz::require;
  try {
    const auto index = inferbench::parse_shard_index({reinterpret_cast<const char*>(data), size}, "fuzz");
    require(!index.files.empty() && index.files.size() <= index.file_of.size(), "each file holds a tensor");
    for (const std::string& file : index.files) {
      const std::filesystem::path path(file);
      require(!path.empty() && path == path.filename() && path != "." && path != "..", "files stay in the folder");
    }
  } catch (const inferbench::Error& error) {
    inferbench::fuzz::check_error(error);
  }
  return 0;
}
