// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/QEngine.h>

#include <memory>
#include <string_view>

#include "linear.hpp"

namespace inferbench::torch_backend {

/// int8: weights symmetric with a scale per output channel, packed by libtorch's quantized engine; activations are
/// quantized at each call. `weight` [outputs, inputs], `bias` [outputs] or undefined.
std::unique_ptr<Linear> make_int8_linear(at::QEngine engine, const at::Tensor& weight, const at::Tensor& bias);

/// Whether this build of libtorch can do int8 at all, on this machine.
bool has_int8() noexcept;

/// The engine that option `qengine` asks for: "qnnpack", "onednn", or "auto", the first of them that there is. Throws
/// Failure(IB_UNSUPPORTED) where this build lacks it.
at::QEngine chosen_engine(std::string_view name);

}  // namespace inferbench::torch_backend
