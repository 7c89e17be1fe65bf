// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "measure/machine_kernels.hpp"

namespace inferbench {

/// Loops for every instruction set that the processor and the operating system support, narrowest first; never empty.
std::vector<machine_kernels::PeakKernel> fp32_kernels();
std::vector<machine_kernels::PeakKernel> int8_kernels();

struct ReadKernel {
  const char* isa;
  machine_kernels::ReadFunction run;
};
std::vector<ReadKernel> read_kernels();

}  // namespace inferbench
