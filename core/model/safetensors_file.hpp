// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "model/mapped_file.hpp"
#include "model/safetensors_header.hpp"

namespace inferbench {

/// A mapped safetensors file: header checked, no data read. Move-only; spans are valid as long as it lives.
class SafetensorsFile {
 public:
  /// Throws Error that names the file and the tensor.
  static SafetensorsFile open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const SafetensorsHeader& header() const { return header_; }
  /// All tensors, sorted by offset.
  std::span<const SafetensorsTensor> tensors() const { return header_.tensors; }
  /// Null if there is no tensor with that name.
  const SafetensorsTensor* find(std::string_view name) const;
  /// The tensor's bytes in the mapping: little-endian, row-major, any alignment. `tensor` is one of tensors().
  std::span<const std::byte> bytes(const SafetensorsTensor& tensor) const;

  /// Copies all values of tensor `name`. Throws Error if it is missing or has another dtype.
  std::vector<float> read_f32(std::string_view name) const;
  std::vector<std::int32_t> read_i32(std::string_view name) const;

 private:
  SafetensorsFile() = default;

  std::filesystem::path path_;
  SafetensorsHeader header_;
  Mapping mapping_;
};

}  // namespace inferbench
