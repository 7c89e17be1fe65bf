// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "inferbench/backend.h"

namespace inferbench::cuda_backend {

/// The ABI's `devices`: the GPUs that the CUDA runtime sees. The first call asks a child process, because a process
/// that has started CUDA cannot use it in its forks any more, and a host may fork after it has asked.
ib_status list_devices(const ib_device_info** devices, std::uint64_t* n_devices, ib_error* error) noexcept;

/// The number in "cuda:3". Throws Failure(IB_UNSUPPORTED) for another form.
int device_index(std::string_view id);

}  // namespace inferbench::cuda_backend
