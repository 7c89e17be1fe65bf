// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "measure/machine_kernels.hpp"

// Internal linkage on purpose: each file gets its own copy, compiled for its instruction set.
namespace inferbench::machine_kernels {
namespace {

#define INFERBENCH_PREFETCH_BLOCK(hint, at) \
  __asm__ volatile(hint " (%0)\n\t" hint " 64(%0)\n\t" hint " 128(%0)\n\t" hint " 192(%0)" : : "r"(at))

template <void (*Load)(const char*)>
void walk_memory(const char* data, std::size_t bytes, Walk walk) {
  constexpr std::size_t kBlock = 256;  // bytes read by one Load: four cache lines
  // Prefetching beyond the end is harmless: a prefetch never faults.
  if (walk == Walk::kPlain) {
    for (std::size_t i = 0; i < bytes; i += kBlock) Load(data + i);
  } else if (walk == Walk::kPrefetched) {
    for (std::size_t i = 0; i < bytes; i += kBlock) {
      INFERBENCH_PREFETCH_BLOCK("prefetcht0", data + i + 4096);
      Load(data + i);
    }
  } else {
    const std::size_t quarter = bytes / 4;
    for (std::size_t i = 0; i < quarter; i += kBlock) {
      for (std::size_t stream = 0; stream < 4; ++stream) {
        const char* at = data + stream * quarter + i;
        INFERBENCH_PREFETCH_BLOCK("prefetchnta", at + 1024);
        Load(at);
      }
    }
  }
}

#undef INFERBENCH_PREFETCH_BLOCK

}  // namespace
}  // namespace inferbench::machine_kernels
