// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace inferbench::cuda_backend {

/// The extension of inferbench/device_probe.h; null for any other name.
const void* device_probe_extension(const char* name);

}  // namespace inferbench::cuda_backend
