// SPDX-License-Identifier: Apache-2.0
#include "measure/machine_isa.hpp"

namespace inferbench {
namespace {

// The compiler's own check: cpuid, and by xgetbv that the operating system saves the registers.
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f");
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
  if (has_avx512() && __builtin_cpu_supports("avx512bw")) kernels.push_back(machine_kernels::avx512::kInt8);
  if (has_avx512() && __builtin_cpu_supports("avx512vnni")) kernels.push_back(machine_kernels::avx512::kInt8Vnni);
  return kernels;
}

std::vector<ReadKernel> read_kernels() {
  std::vector<ReadKernel> kernels = {{"generic", machine_kernels::generic::read}};
  if (has_avx2()) kernels.push_back({"avx2", machine_kernels::avx2::read});
  if (has_avx512()) kernels.push_back({"avx512", machine_kernels::avx512::read});
  return kernels;
}

}  // namespace inferbench
