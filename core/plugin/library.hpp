// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "inferbench/backend.h"

namespace inferbench {

/// Throws Error if `path` (absolute) cannot be a shared library for this machine: missing, a folder, unreadable, empty,
/// not ELF, for another architecture, truncated. Only reads the file.
void check_library_file(const std::filesystem::path& path);

/// Loads the library with dlopen (RTLD_NOW | RTLD_LOCAL), never unloads it, and returns the address of
/// inferbench_backend_v1 without reading the table. Runs the library's static constructors, so call it only in a
/// process that may be ended by them. Throws Error.
const ib_backend* open_library(const std::filesystem::path& path);

}  // namespace inferbench
