// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace inferbench::python {

/// Resident anonymous bytes of this process; 0 if the system does not say.
std::uint64_t anonymous_bytes();

}  // namespace inferbench::python
