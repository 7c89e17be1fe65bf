// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace inferbench {

/// The generator behind synthetic weights and prompts: FNV-1a names a stream, SplitMix64 (Steele, Lea, Flood 2014,
/// "Fast splittable pseudorandom number generators") fills it; value i needs no other value, so streams are generated
/// in parallel and from anywhere.
inline constexpr std::uint64_t kSyntheticGamma = 0x9E3779B97F4A7C15U;

constexpr std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

/// The stream of `name` under `seed`.
constexpr std::uint64_t synthetic_stream(std::string_view name, std::uint64_t seed) {
  return fnv1a64(name) ^ (seed * kSyntheticGamma);
}

/// Value `i` of `stream`: 64 uniform bits.
constexpr std::uint64_t synthetic_bits(std::uint64_t stream, std::uint64_t i) {
  std::uint64_t z = stream + (i + 1) * kSyntheticGamma;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

/// Values first, first + 1, ... of `stream` as weights: mean + amplitude * v, v uniform in [-1, 1) with 24 bits; a
/// float32 multiply, then a float32 add.
void fill_synthetic(std::span<float> out, std::uint64_t stream, std::uint64_t first, float amplitude, float mean);

/// `n` token ids, 0 to vocab - 1, of prompt stream `stream`. vocab is at least 1.
std::vector<std::int32_t> synthetic_prompt(std::uint64_t stream, std::size_t n, std::int32_t vocab);

}  // namespace inferbench
