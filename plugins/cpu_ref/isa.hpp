// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "kernels/kernels.hpp"

namespace inferbench::cpu_ref {

/// The kernels that option `isa` asks for: auto (the widest that CPU and operating system support), generic, avx2 or
/// avx512. Null where this machine cannot run them.
const Kernels* find_kernels(std::string_view isa);

}  // namespace inferbench::cpu_ref
