// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string>

#include "inferbench/backend.hpp"

namespace inferbench::mlx_backend {

namespace mx = mlx::core;

/// An array of MLX's, or none.
using MaybeArray = std::optional<mx::array>;

/// MLX counts in int32.
inline int extent(std::int64_t n) {
  if (n > INT32_MAX) throw Failure(IB_OUT_OF_MEMORY, "too large an array for MLX");
  return static_cast<int>(n);
}

inline std::uint64_t bytes_of(const MaybeArray& array) {
  return array ? array->nbytes() : 0;
}

/// Runs `function`, and turns MLX's exceptions into Failure: IB_OUT_OF_MEMORY where its allocator gave up, else
/// IB_INTERNAL.
template <typename Function>
void in_mlx(Function&& function) {
  try {
    function();
  } catch (const Failure&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    const std::string what = error.what();
    const bool no_memory = what.find("allocate") != std::string::npos;
    throw Failure(no_memory ? IB_OUT_OF_MEMORY : IB_INTERNAL, "MLX: " + what);
  }
}

}  // namespace inferbench::mlx_backend
