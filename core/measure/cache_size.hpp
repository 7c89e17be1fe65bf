// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace inferbench {

/// Size in bytes of the last-level cache of the first CPU, from the kernel; 32 MiB if the kernel does not say.
std::uint64_t last_cache_bytes();

}  // namespace inferbench
