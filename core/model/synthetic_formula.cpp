// SPDX-License-Identifier: Apache-2.0
// Compiled without contraction (see CMakeLists.txt): a fused multiply-add would round once where the formula rounds
// twice.
#include "model/synthetic_formula.hpp"

namespace inferbench {

void fill_synthetic(std::span<float> out, std::uint64_t stream, std::uint64_t first, float amplitude, float mean) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    // 24 bits: exact in an int32 and in a float32.
    const auto bits = static_cast<std::int32_t>(synthetic_bits(stream, first + i) >> 40U);
    const float v = 2.0F * (static_cast<float>(bits) * 0x1p-24F) - 1.0F;
    out[i] = mean + amplitude * v;
  }
}

std::vector<std::int32_t> synthetic_prompt(std::uint64_t stream, std::size_t n, std::int32_t vocab) {
  const std::uint64_t name = synthetic_stream("prompt", stream);
  std::vector<std::int32_t> tokens(n);
  for (std::size_t i = 0; i < n; ++i) {
    tokens[i] = static_cast<std::int32_t>(synthetic_bits(name, i) % static_cast<std::uint64_t>(vocab));
  }
  return tokens;
}

}  // namespace inferbench
