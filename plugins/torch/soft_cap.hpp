// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

namespace inferbench::torch_backend {

/// x = cap * tanh(x / cap); a cap of 0 is none.
inline void soft_cap(at::Tensor& x, double cap) {
  if (cap != 0) x.div_(cap).tanh_().mul_(cap);
}

}  // namespace inferbench::torch_backend
