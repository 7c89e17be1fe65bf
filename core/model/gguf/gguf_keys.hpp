// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "model/gguf/gguf_cursor.hpp"
#include "model/gguf/gguf_file.hpp"

namespace inferbench {

/// The metadata of a file's architecture: find("block_count") is its "llama.block_count". Borrows the file. Errors are
/// GgufFile's.
class GgufKeys {
 public:
  GgufKeys(const GgufFile& file, std::string_view architecture) : file_(file), prefix_(architecture) { prefix_ += '.'; }

  const GgufValue* find(std::string_view key) const { return file_.find(full(key)); }
  std::optional<std::int64_t> integer(std::string_view key) const { return file_.integer(full(key)); }
  std::optional<double> number(std::string_view key) const { return file_.number(full(key)); }
  std::optional<bool> boolean(std::string_view key) const { return file_.boolean(full(key)); }
  std::optional<std::string> text(std::string_view key) const { return file_.text(full(key)); }

  std::int64_t required_integer(std::string_view key) const {
    const auto value = integer(key);
    if (!value) file_.fail_missing(full(key));
    return *value;
  }
  double required_number(std::string_view key) const {
    const auto value = number(key);
    if (!value) file_.fail_missing(full(key));
    return *value;
  }

  [[noreturn]] void fail(std::string_view key, const std::string& what, std::string hint) const {
    file_.fail(full(key), what, std::move(hint));
  }

 private:
  std::string full(std::string_view key) const { return std::string(prefix_).append(key); }

  const GgufFile& file_;
  std::string prefix_;
};

}  // namespace inferbench
