// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace inferbench {

/// Incremental SHA-256 (FIPS 180-4).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(std::span<const std::byte> bytes);
  void update(std::string_view text) { update(std::as_bytes(std::span(text))); }
  /// Adds all bytes of a file. Throws Error that names it.
  void update_file(const std::filesystem::path& path);
  /// Finishes and returns 64 lower-case hex digits. No update may follow.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// SHA-256 of a file's bytes, hex. Throws Error that names it.
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace inferbench
