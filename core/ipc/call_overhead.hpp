// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plugin/plugin.hpp"

namespace inferbench {

/// Nanoseconds that a decode step of one sequence takes with a backend that computes nothing (`null`; it is given the
/// shape of GPT-2, and weights that it never reads): the host's loop, one clock reading, the ABI's call and the
/// backend's checks of its arguments. The least of several measurements of many thousand steps. Throws BackendError.
double measure_call_overhead_ns(const Plugin& null_backend);

}  // namespace inferbench
