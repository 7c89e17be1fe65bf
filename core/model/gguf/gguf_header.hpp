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

#include "model/gguf/gguf_types.hpp"

namespace inferbench {

/// A metadata value. Borrows the file's bytes.
struct GgufValue {
  GgufType type = GgufType::kUint8;
  GgufType element = GgufType::kUint8;  ///< of an array: any type but kArray
  std::uint64_t count = 1;              ///< of an array
  std::span<const std::byte> bytes;     ///< of the value, or of all elements; of a string, without its length

  bool is_array_of(GgufType wanted) const { return type == GgufType::kArray && element == wanted; }
  /// Of any integer type; nullopt for other types and beyond 2^63 - 1.
  std::optional<std::int64_t> integer() const;
  /// Of any number type. A float32 stands for the shortest decimal that rounds to it: 1e-5, not 9.99999975e-6.
  std::optional<double> number() const;
  std::optional<bool> boolean() const;
  std::optional<std::string_view> text() const;
  /// Of an array of strings.
  std::vector<std::string_view> texts() const;
  /// Element i of an array of numbers, as number() does; i < count.
  std::optional<double> number_at(std::uint64_t i) const;
  std::optional<std::int64_t> integer_at(std::uint64_t i) const;
};

/// One tensor as the file declares it.
struct GgufTensor {
  std::string name;
  const GgufTensorType* type = nullptr;
  std::vector<std::uint64_t> shape;  ///< slowest first, as everywhere here; files have it the other way round
  std::uint64_t begin = 0;           ///< offset of its first byte in the file
  std::uint64_t n_bytes = 0;
};

/// What a GGUF file says about its tensors, checked against its size: each is inside the file and overlaps no other.
struct GgufHeader {
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;  ///< sorted by offset
};

/// The first four bytes of a GGUF file.
inline constexpr std::string_view kGgufMagic = "GGUF";

/// Parses and checks the header of the file with these bytes, from which the result's metadata borrow. `file` names it
/// in messages. Throws Error that names the file and the key or the tensor: on anything but versions 2 and 3 in
/// little-endian, on duplicate names, on nested arrays, and on types of tensors that are not read. Format:
/// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
GgufHeader parse_gguf_header(std::span<const std::byte> bytes, const std::string& file = "gguf");

}  // namespace inferbench
