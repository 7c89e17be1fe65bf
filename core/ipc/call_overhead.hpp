// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plugin/plugin.hpp"

namespace inferbench {

/// Nanoseconds per decode step of one sequence with a backend that computes nothing (`null`, with GPT-2's shape and
/// weights that it never reads): the host's loop, one clock reading, the ABI call and the backend's argument checks.
/// The minimum of several measurements of many thousand steps. Throws BackendError.
double measure_call_overhead_ns(const Plugin& null_backend);

}  // namespace inferbench
