// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <cstdint>

namespace inferbench {

/// CLOCK_MONOTONIC in nanoseconds. No system call on Linux (vDSO), no allocation.
inline std::uint64_t now_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

/// Milliseconds from `begin` to `end`, both of now_ns().
constexpr double elapsed_ms(std::uint64_t begin, std::uint64_t end) {
  return static_cast<double>(end - begin) * 1e-6;
}

}  // namespace inferbench
