// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace inferbench {

/// Everything that could explain a difference between two runs, as one JSON object: CPU (model, flags, cores, caches),
/// memory, kernel, frequency governor, transparent huge pages, compiler, libraries, usable CPUs, load, mitigations,
/// limits of the container and the process, and the environment variables that libraries read. Unknown values are null.
std::string collect_environment();

}  // namespace inferbench
