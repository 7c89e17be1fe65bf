// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "support/random.hpp"

namespace inferbench {

// The generator behind synthetic weights and prompts: FNV-1a names a stream, SplitMix64 fills it. Value i needs no other
// value, so streams are generated in parallel and from anywhere.

/// The stream of `name` under `seed`.
constexpr std::uint64_t synthetic_stream(std::string_view name, std::uint64_t seed) {
  return fnv1a64(name) ^ (seed * kSplitMixGamma);
}

/// Value `i` of `stream`: 64 uniform bits.
constexpr std::uint64_t synthetic_bits(std::uint64_t stream, std::uint64_t i) {
  return splitmix64(stream + (i + 1) * kSplitMixGamma);
}

/// Values first, first + 1, ... of `stream` as weights: mean + amplitude * v, v uniform in [-1, 1) with 24 bits; a
/// float32 multiply, then a float32 add.
void fill_synthetic(std::span<float> out, std::uint64_t stream, std::uint64_t first, float amplitude, float mean);

/// `n` token ids, 0 to vocab - 1, of prompt stream `stream`. vocab is at least 1.
std::vector<std::int32_t> synthetic_prompt(std::uint64_t stream, std::size_t n, std::int32_t vocab);

}  // namespace inferbench
