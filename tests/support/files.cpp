// SPDX-License-Identifier: Apache-2.0
#include "support/files.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace inferbench {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("can't open " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace inferbench
