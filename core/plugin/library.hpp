// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "inferbench/backend.h"

namespace inferbench {

/// Throws Error if `path` (absolute) cannot be a shared library of this machine: missing, a folder, unreadable, empty,
/// not ELF, of another architecture, cut off. Only reads the file.
void check_library_file(const std::filesystem::path& path);

/// dlopen (RTLD_NOW | RTLD_LOCAL), never undone, and the address of inferbench_backend_v1; nothing of the table is
/// read. Runs the library's static constructors, so call it only in a process that may end by them. Throws Error.
const ib_backend* open_library(const std::filesystem::path& path);

}  // namespace inferbench
