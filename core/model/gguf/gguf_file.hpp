// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/gguf/gguf_header.hpp"
#include "model/mapped_file.hpp"

namespace inferbench {

/// Whether a file is meant as a GGUF file: its name ends in .gguf, or its first bytes are GGUF's (as of Ollama's
/// blobs).
bool is_gguf_file(const std::filesystem::path& path);

/// A mapped GGUF file: header checked, no weights read. Move-only; values and spans are valid as long as it lives.
class GgufFile {
 public:
  /// Throws Error that names the file and the key or the tensor.
  static GgufFile open(const std::filesystem::path& path);
  /// The same of bytes in memory, which outlive it; `name` stands for the path.
  static GgufFile borrow(std::span<const std::byte> bytes, const std::string& name);

  const std::filesystem::path& path() const { return path_; }
  const GgufHeader& header() const { return header_; }
  std::span<const GgufTensor> tensors() const { return header_.tensors; }
  /// Null if there is no tensor with that name.
  const GgufTensor* find_tensor(std::string_view name) const;
  std::span<const std::byte> bytes(const GgufTensor& tensor) const;

  /// The value under a key; null if there is none.
  const GgufValue* find(std::string_view key) const;

  // Each returns nullopt if the key is missing, and throws Error that names the key if its value is of another type.
  std::optional<std::int64_t> integer(std::string_view key) const;
  std::optional<double> number(std::string_view key) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;

  [[noreturn]] void fail(std::string_view key, const std::string& what, std::string hint = {}) const;
  [[noreturn]] void fail_missing(std::string_view key) const;

 private:
  GgufFile() = default;
  void parse();

  std::filesystem::path path_;
  Mapping mapping_;
  std::span<const std::byte> bytes_;  // of the mapping, or borrowed
  GgufHeader header_;
  std::unordered_map<std::string_view, std::size_t> index_of_;  // the names are those of header_
};

}  // namespace inferbench
