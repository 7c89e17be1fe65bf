// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "formats.hpp"

namespace inferbench::cuda_backend {

/// Calls use<T>() with the type of a plain format.
template <typename Use>
void with_value_type(Format values, Use use) {
  switch (values) {
    case Format::kF32:
      return use.template operator()<float>();
    case Format::kF16:
      return use.template operator()<__half>();
    default:
      return use.template operator()<__nv_bfloat16>();
  }
}

}  // namespace inferbench::cuda_backend
