// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

namespace inferbench::torch_backend {

/// What the tensors of a model hold, and how its linear layers multiply.
struct Precision {
  c10::ScalarType values = c10::kFloat;  ///< weights that are not int8, activations, KV cache
  bool int8 = false;                     ///< linear layers multiply integers
};

/// Throws Failure(IB_UNSUPPORTED) for a precision that this backend does not have on the device, and where libtorch
/// lacks it.
Precision precision_named(const char* name, c10::Device device);

}  // namespace inferbench::torch_backend
