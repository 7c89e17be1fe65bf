// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "inferbench/backend.h"

namespace inferbench {

/// Checks everything that the header requires of a backend's table, reading no further than its declared size, and
/// returns a copy padded with zeros. `path` starts the message. Throws Error with the first fault found.
ib_backend checked_table(const ib_backend* raw, const std::string& path);

/// Checks what ib_backend.devices returned with IB_OK. Throws Error likewise.
std::span<const ib_device_info> checked_devices(const ib_device_info* devices, std::uint64_t n,
                                                const std::string& path);

/// Whether `id` has the form of a device's id, such as "cpu" or "cuda:0".
bool is_device_id(std::string_view id);

/// Whether `name` has the form required for names of backends, precisions and options: [a-z0-9_]+, at most 64
/// characters.
bool is_well_formed_name(std::string_view name);

}  // namespace inferbench
