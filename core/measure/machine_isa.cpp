// SPDX-License-Identifier: Apache-2.0
#include "measure/machine_isa.hpp"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace inferbench {
namespace {

// Uses the compiler's check: cpuid, and xgetbv for whether the operating system saves the registers.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f");
}

bool has_avx_vnni() {
  constexpr unsigned kAvxVnni = 1U << 4U;  // in eax of leaf 7.1
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return has_avx2() && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & kAvxVnni) != 0;
}

/// Linux gives tile registers only to processes that request them.
bool has_amx_int8() {
  constexpr unsigned kTileAndInt8 = 3U << 24U;  // in edx of leaf 7
  constexpr long kRequestPermission = 0x1023;   // ARCH_REQ_XCOMP_PERM, missing in older headers
  constexpr long kTileData = 18;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & kTileAndInt8) == kTileAndInt8 &&
         syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

}  // namespace

std::vector<machine_kernels::PeakKernel> fp32_kernels() {
  std::vector<machine_kernels::PeakKernel> kernels = {machine_kernels::generic::kFp32};
  if (has_avx2()) kernels.push_back(machine_kernels::avx2::kFp32);
  if (has_avx512()) kernels.push_back(machine_kernels::avx512::kFp32);
  return kernels;
}

std::vector<machine_kernels::PeakKernel> int8_kernels() {
  std::vector<machine_kernels::PeakKernel> kernels = {machine_kernels::generic::kInt8};
  if (has_avx2()) kernels.push_back(machine_kernels::avx2::kInt8);
  if (has_avx_vnni()) kernels.push_back(machine_kernels::avx2::kInt8Vnni);
  if (has_avx512() && __builtin_cpu_supports("avx512bw")) kernels.push_back(machine_kernels::avx512::kInt8);
  if (has_avx512() && __builtin_cpu_supports("avx512vnni")) kernels.push_back(machine_kernels::avx512::kInt8Vnni);
  if (has_amx_int8()) kernels.push_back(machine_kernels::amx::kInt8);
  return kernels;
}

std::vector<ReadKernel> read_kernels() {
  std::vector<ReadKernel> kernels = {{"generic", machine_kernels::generic::read}};
  if (has_avx2()) kernels.push_back({"avx2", machine_kernels::avx2::read});
  if (has_avx512()) kernels.push_back({"avx512", machine_kernels::avx512::read});
  return kernels;
}

}  // namespace inferbench
