// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "support/random.hpp"

namespace inferbench {

// The generator of synthetic weights and prompts: FNV-1a turns a name into a stream, SplitMix64 fills it. Values are
// independent of each other, so a stream can be generated in parallel and from any position.

/// The stream for `name` with seed `seed`.
constexpr std::uint64_t synthetic_stream(std::string_view name, std::uint64_t seed) {
  return fnv1a64(name) ^ (seed * kSplitMixGamma);
}

/// Value `i` of `stream`: 64 uniform random bits.
constexpr std::uint64_t synthetic_bits(std::uint64_t stream, std::uint64_t i) {
  return splitmix64(stream + (i + 1) * kSplitMixGamma);
}

/// Fills `out` with values first, first + 1, ... of `stream` as weights: mean + amplitude * v, with v uniform in [-1,
/// 1) with 24 bits; a float32 multiply, then a float32 add.
void fill_synthetic(std::span<float> out, std::uint64_t stream, std::uint64_t first, float amplitude, float mean);

/// `n` token ids from 0 to vocab - 1, from `stream`. vocab is at least 1.
std::vector<std::int32_t> synthetic_prompt(std::uint64_t stream, std::size_t n, std::int32_t vocab);

}  // namespace inferbench
