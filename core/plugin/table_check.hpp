// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "inferbench/backend.h"

namespace inferbench {

/// Checks everything that the header asks of a backend's table, reading it only as far as it says that it reaches, and
/// returns a copy completed with zeros. `path` starts the message. Throws Error with the first fault found.
ib_backend checked_table(const ib_backend* raw, const std::string& path);

/// [a-z0-9_]+, at most 64 characters: what names of backends, precisions and options look like.
bool is_well_formed_name(std::string_view name);

}  // namespace inferbench
