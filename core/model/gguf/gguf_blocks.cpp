// SPDX-License-Identifier: Apache-2.0
#include "model/gguf/gguf_blocks.hpp"

#include "inferbench/backend_values.hpp"

namespace inferbench {
namespace {

unsigned byte_at(const std::byte* bytes, unsigned i) {
  return std::to_integer<unsigned>(bytes[i]);
}

float half_at(const std::byte* bytes) {
  return float_of_f16(static_cast<std::uint16_t>(byte_at(bytes, 0) | byte_at(bytes, 1) << 8U));
}

int signed_at(const std::byte* bytes, unsigned i) {
  return static_cast<std::int8_t>(byte_at(bytes, i));
}

// Calls `read(block, out)` for each block of `bytes` bytes and `values` values.
template <typename Read>
void for_each_block(std::span<const std::byte> blocks, std::size_t bytes, std::size_t values, float* out, Read read) {
  for (std::size_t at = 0; at + bytes <= blocks.size(); at += bytes) {
    read(blocks.data() + at, out);
    out += values;
  }
}

struct ScaleAndMinimum {
  unsigned scale;
  unsigned minimum;
};

// Of sub-block j, from the 12 bytes of a block of Q4_K.
ScaleAndMinimum sub_block(const std::byte* packed, unsigned j) {
  if (j < 4) return {byte_at(packed, j) & 63U, byte_at(packed, j + 4) & 63U};
  const unsigned low = byte_at(packed, j + 4);
  return {(low & 15U) | byte_at(packed, j - 4) >> 6U << 4U, low >> 4U | byte_at(packed, j) >> 6U << 4U};
}

}  // namespace

void dequantize_q8_0(std::span<const std::byte> blocks, float* out) {
  for_each_block(blocks, kQ8Bytes, kSmallBlock, out, [](const std::byte* block, float* values) {
    const float d = half_at(block);
    for (unsigned i = 0; i < kSmallBlock; ++i) values[i] = d * static_cast<float>(signed_at(block + 2, i));
  });
}

void dequantize_q4_0(std::span<const std::byte> blocks, float* out) {
  for_each_block(blocks, kQ4Bytes, kSmallBlock, out, [](const std::byte* block, float* values) {
    const float d = half_at(block);
    for (unsigned i = 0; i < kSmallBlock / 2; ++i) {
      const unsigned pair = byte_at(block + 2, i);
      values[i] = d * static_cast<float>(static_cast<int>(pair & 15U) - 8);
      values[i + kSmallBlock / 2] = d * static_cast<float>(static_cast<int>(pair >> 4U) - 8);
    }
  });
}

void dequantize_q4_k(std::span<const std::byte> blocks, float* out) {
  for_each_block(blocks, kQ4kBytes, kSuperBlock, out, [](const std::byte* block, float* values) {
    const float d = half_at(block);
    const float m = half_at(block + 2);
    for (unsigned j = 0; j < 8; ++j) {
      const ScaleAndMinimum sub = sub_block(block + 4, j);
      const float scale = d * static_cast<float>(sub.scale);
      const float minimum = m * static_cast<float>(sub.minimum);
      const std::byte* nibbles = block + 16 + j / 2 * 32;
      const unsigned shift = j % 2 * 4;
      for (unsigned i = 0; i < 32; ++i) {
        values[32 * j + i] = scale * static_cast<float>(byte_at(nibbles, i) >> shift & 15U) - minimum;
      }
    }
  });
}

void dequantize_q6_k(std::span<const std::byte> blocks, float* out) {
  for_each_block(blocks, kQ6kBytes, kSuperBlock, out, [](const std::byte* block, float* values) {
    const float d = half_at(block + 208);
    for (unsigned i = 0; i < kSuperBlock; ++i) {
      const unsigned half = i / 128;
      const unsigned k = i % 128 / 32;
      const unsigned low = byte_at(block, 64 * half + k % 2 * 32 + i % 32) >> (k / 2 * 4) & 15U;
      const unsigned high = byte_at(block + 128, 32 * half + i % 32) >> (2 * k) & 3U;
      const float scale = d * static_cast<float>(signed_at(block + 192, i / 16));
      values[i] = scale * static_cast<float>(static_cast<int>(low | high << 4U) - 32);
    }
  });
}

}  // namespace inferbench
