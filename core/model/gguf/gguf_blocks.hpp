// SPDX-License-Identifier: Apache-2.0
// The quantized blocks of GGUF files. All numbers are little-endian; a half is an IEEE binary16.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace inferbench {

inline constexpr std::uint32_t kSmallBlock = 32;   ///< values of a block of Q8_0 and Q4_0
inline constexpr std::uint32_t kSuperBlock = 256;  ///< values of a block of Q4_K and Q6_K

/// A half d, then 32 signed bytes q. Value i is d q[i].
inline constexpr std::uint32_t kQ8Bytes = 2 + 32;
/// A half d, then 16 bytes. Value i < 16 is d (low nibble of byte i - 8), value 16 + i is d (high nibble of byte i -
/// 8).
inline constexpr std::uint32_t kQ4Bytes = 2 + 16;
/// Halves d and m, 12 bytes with a scale s and a minimum z of 6 bits for each of 8 sub-blocks of 32 values, and 128
/// bytes of nibbles: byte 32 p + i has value i of sub-block 2 p in its low and value i of sub-block 2 p + 1 in its high
/// nibble. A value is (d s) q - (m z). Of the 12 bytes, bytes j and 4 + j have s and z of sub-block j < 4 in their low
/// 6 bits; byte 8 + j has the low 4 bits of s and z of sub-block 4 + j, whose high 2 bits are the top bits of bytes j
/// and 4 + j.
inline constexpr std::uint32_t kQ4kBytes = 2 + 2 + 12 + 128;
/// 128 bytes with the low 4 bits of each value, 64 bytes with the high 2 bits, 16 signed bytes of scales s, one for
/// each 16 values, and a half d. A value is (d s) (q - 32). In each half of 128 values, value 32 k + i has its low bits
/// in byte 64 h + i (k = 0, 2) or 64 h + 32 + i (k = 1, 3), in the low (k < 2) or high nibble, and its high bits in
/// bits 2 k and 2 k + 1 of byte 32 h + i.
inline constexpr std::uint32_t kQ6kBytes = 128 + 64 + 16 + 2;

// Each reads blocks.size() / k*Bytes blocks.
void dequantize_q8_0(std::span<const std::byte> blocks, float* out);
void dequantize_q4_0(std::span<const std::byte> blocks, float* out);
void dequantize_q4_k(std::span<const std::byte> blocks, float* out);
void dequantize_q6_k(std::span<const std::byte> blocks, float* out);

}  // namespace inferbench
