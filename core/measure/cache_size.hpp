// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace inferbench {

/// Bytes of the last cache that the first CPU reads through, as the kernel describes it; 32 MiB where it does not.
std::uint64_t last_cache_bytes();

}  // namespace inferbench
