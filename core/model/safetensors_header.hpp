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
  std::string dtype;                 ///< "F32", "BF16", "I32", ...: one that safetensors_element_bytes() knows
  std::vector<std::uint64_t> shape;  ///< empty: a scalar
  std::uint64_t begin = 0;           ///< of its bytes, from the start of the data section
  std::uint64_t end = 0;
};

/// The header of a safetensors file, checked against the file's size: every tensor lies inside the data section, has
/// the bytes that shape and dtype ask for, and the tensors cover the section without hole or overlap.
struct SafetensorsHeader {
  std::vector<SafetensorsTensor> tensors;  ///< by offset
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;  ///< of the data section, from the start of the file
};

/// The format's own limit on the JSON header.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;
/// More dimensions than any tensor has.
inline constexpr std::size_t kMaxSafetensorsRank = 32;

/// Bytes of one element; nothing where the dtype is not known (or narrower than a byte).
std::optional<std::uint64_t> safetensors_element_bytes(std::string_view dtype);

/// Bytes of the JSON header, from the file's first 8 bytes. `file` names it in messages. Throws Error.
std::uint64_t safetensors_header_bytes(std::span<const std::byte> head, std::uint64_t file_size,
                                       const std::string& file);

/// Parses and checks the header. `head` starts at the file's first byte and reaches at least to the header's end (all
/// of the file is fine). Throws Error that names the file and the tensor. Format:
/// https://huggingface.co/docs/safetensors (8 bytes of length, JSON, data); as strict as its own reader.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> head, std::uint64_t file_size,
                                           const std::string& file = "safetensors");

}  // namespace inferbench
