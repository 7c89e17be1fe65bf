// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

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

/// Calls use<T, Cached>() with the types of values and of what a cache holds: codes, or the same values.
template <typename Use>
void with_cache_type(Format values, bool is_coded, Use use) {
  with_value_type(values, [&]<typename T>() {
    return is_coded ? use.template operator()<T, std::int8_t>() : use.template operator()<T, T>();
  });
}

}  // namespace inferbench::cuda_backend
