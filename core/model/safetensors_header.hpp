// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// One tensor as the header declares it.
struct SafetensorsTensor {
  std::string name;
  std::string dtype;                 ///< "F32", "BF16", "I32", ...: known to safetensors_element_bytes()
  std::vector<std::uint64_t> shape;  ///< empty: a scalar
  std::uint64_t begin = 0;           ///< offset of its first byte in the data section
  std::uint64_t end = 0;
};

/// The header of a safetensors file, checked against the file's size: every tensor is inside the data section and has
/// the number of bytes given by its shape and dtype, and the tensors cover the section without holes or overlaps.
struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;  ///< sorted by offset
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;  ///< offset of the data section in the file
};

/// The format's own limit on the JSON header.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;
/// No real tensor has this many dimensions.
inline constexpr std::size_t kMaxSafetensorsRank = 32;

/// Bytes per element; nullopt if the dtype is unknown or narrower than a byte.
std::optional<std::uint64_t> safetensors_element_bytes(std::string_view dtype);

/// Length in bytes of the JSON header, from the file's first 8 bytes. `file` names it in messages. Throws Error.
std::uint64_t safetensors_header_bytes(std::span<const std::byte> head, std::uint64_t file_size,
                                       const std::string& file);

/// Parses and checks the header. `head` starts at the file's first byte and extends at least to the end of the header
/// (the entire file is fine). Throws Error that names the file and the tensor. Format:
/// https://huggingface.co/docs/safetensors (8 bytes of length, JSON, data); as strict as the format's own reader.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> head, std::uint64_t file_size,
                                           const std::string& file = "safetensors");

}  // namespace inferbench
