// SPDX-License-Identifier: Apache-2.0
#include "isa.hpp"

#include <cpuid.h>

#include <cstdint>

namespace inferbench::cpu_ref {
namespace {

// Which register sets the operating system saves and restores (XCR0); 0 where it does not say.
std::uint32_t saved_state() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return 0;
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

bool has_avx2() {
  constexpr std::uint32_t kState = 0x6;  // SSE and AVX registers
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if ((saved_state() & kState) != kState) return false;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & bit_FMA) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_AVX2) != 0;
}

bool has_avx512() {
  constexpr std::uint32_t kState = 0xe6;  // also the mask registers and both parts of the 512-bit ones
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if ((saved_state() & kState) != kState || !has_avx2()) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_AVX512F) != 0;
}

}  // namespace

const Kernels* find_kernels(std::string_view isa) {
  if (isa == "generic") return &generic::kKernels;
  if (isa == "avx2") return has_avx2() ? &avx2::kKernels : nullptr;
  if (isa == "avx512") return has_avx512() ? &avx512::kKernels : nullptr;
  if (isa != "auto") return nullptr;
  if (has_avx512()) return &avx512::kKernels;
  return has_avx2() ? &avx2::kKernels : &generic::kKernels;
}

}  // namespace inferbench::cpu_ref
