// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <system_error>

#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr std::uintmax_t kMaxFileBytes = 256U << 20U;

}  // namespace

std::string read_tokenizer_file(const std::filesystem::path& path, const std::string& hint) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw Error(fmt::format("{}: {}", path.string(), error.message()), hint);
  if (size > kMaxFileBytes) {
    throw Error(fmt::format("{}: {} bytes are more than a tokenizer file can have", path.string(), size), hint);
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.view().size() != size) {
    throw Error(fmt::format("{}: cannot be read: {}", path.string(), std::generic_category().message(errno)),
                "check the file's permissions");
  }
  return std::move(text).str();
}

}  // namespace inferbench
