// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "linear.hpp"

namespace inferbench::torch_backend {

/// int8 by libtorch's quantized engine on oneDNN: weights symmetric with a scale per output channel, activations
/// quantized at each call. `weight` [outputs, inputs], `bias` [outputs] or undefined.
std::unique_ptr<Linear> make_int8_linear(const at::Tensor& weight, const at::Tensor& bias);

/// Whether this build of libtorch has that engine, on this machine. (QNNPACK's brings a pool of threads of its own
/// beside OpenMP's, which together would be more than the host allows.)
bool has_int8() noexcept;

}  // namespace inferbench::torch_backend
