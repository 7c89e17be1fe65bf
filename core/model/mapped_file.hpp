// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace inferbench {

/// A regular file opened for reading. Throws Error (naming the path) if it is missing, unreadable, not regular or only
/// a Git LFS pointer.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  ~InputFile();

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  int descriptor() const { return fd_; }

  /// Fills `out` starting at byte `offset` of the file. Throws Error if the file ends too early.
  void read(std::span<std::byte> out, std::uint64_t offset) const;

 private:
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  int fd_ = -1;
};

/// The entire file as text. Throws Error if it is longer than `max_bytes`.
std::string read_small_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// A file's bytes, mapped read-only; nothing is read until it is touched. Move-only.
class Mapping {
 public:
  Mapping() = default;
  /// The file may be closed afterwards. Throws Error.
  explicit Mapping(const InputFile& file);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace inferbench
