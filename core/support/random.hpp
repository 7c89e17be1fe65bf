// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>

namespace inferbench {

// Random numbers and hashes that are the same on every platform, unlike those of the standard library.

/// The step of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
inline constexpr std::uint64_t kSplitMixGamma = 0x9E3779B97F4A7C15U;

/// SplitMix64's output for `state`.
constexpr std::uint64_t splitmix64(std::uint64_t state) {
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

class SplitMix64 {
 public:
  constexpr explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  constexpr std::uint64_t next() {
    state_ += kSplitMixGamma;
    return splitmix64(state_);
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  constexpr double next_uniform() { return static_cast<double>(next() >> 11U) * 0x1p-53; }

  /// Uniform in [0, n); n is at least 1. Draws at or above the largest multiple of n are rejected.
  constexpr std::uint64_t below(std::uint64_t n) {
    const std::uint64_t whole = std::numeric_limits<std::uint64_t>::max() / n * n;
    std::uint64_t draw = next();
    while (draw >= whole) draw = next();
    return draw % n;
  }

 private:
  std::uint64_t state_;
};

/// FNV-1a with 64 bits (Fowler, Noll, Vo), byte by byte.
class Fnv1a64 {
 public:
  constexpr void add(std::uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001B3U; }
  constexpr std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325U;
};

constexpr std::uint64_t fnv1a64(std::string_view text) {
  Fnv1a64 hash;
  for (const char c : text) hash.add(static_cast<std::uint8_t>(c));
  return hash.value();
}

}  // namespace inferbench
