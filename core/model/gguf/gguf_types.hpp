// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace inferbench {

/// The types of metadata values, as numbered in GGUF files.
enum class GgufType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

/// Bytes of a value of this type; 0 for strings, arrays and numbers that are no type.
std::size_t gguf_value_bytes(GgufType type);

/// A type of weights that is read: values come in blocks, each with its own scales.
struct GgufTensorType {
  std::uint32_t code;          ///< as in files
  const char* name;            ///< "Q4_K"
  std::uint32_t block_values;  ///< values of a row in each block; 1: not quantized
  std::uint32_t block_bytes;
  /// Writes the values of the blocks to `out`, which has room for block_values each. Exact in float32 but for the last
  /// rounding of Q4_K's difference. Null: stored as one of IB_DTYPE_*.
  void (*dequantize)(std::span<const std::byte> blocks, float* out);
};

/// Null if the type is not read.
const GgufTensorType* find_gguf_tensor_type(std::uint32_t code);

/// "Q2_K" for types that are known by name, read or not; else "type 77".
std::string gguf_tensor_type_name(std::uint32_t code);

/// "F32, F16, ...": all types that are read.
std::string readable_gguf_types();

}  // namespace inferbench
