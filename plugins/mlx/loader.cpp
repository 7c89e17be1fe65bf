// SPDX-License-Identifier: Apache-2.0
#include "loader.hpp"

#include <mlx/allocator.h>
#include <mlx/ops.h>

namespace inferbench::mlx_backend {
namespace {

// fp32, to be written by the loader.
mx::array writable(mx::Shape shape) {
  std::size_t n = sizeof(float);
  for (const auto one : shape) n *= static_cast<std::size_t>(one);
  return mx::array(mx::allocator::malloc(n), std::move(shape), mx::float32);
}

}  // namespace

MaybeArray LoaderEngine::vector(std::int64_t n) const {
  return writable({extent(n)});
}

MaybeArray LoaderEngine::matrix(std::int64_t rows, std::int64_t columns) const {
  return writable({extent(rows), extent(columns)});
}

LoaderEngine::Linear LoaderEngine::pack(const MaybeArray& weight, const WeightLayout& layout,
                                        const MaybeArray& bias) const {
  return pack_linear(layout.by_outputs ? *weight : mx::contiguous(mx::transpose(*weight)), bias, format);
}

}  // namespace inferbench::mlx_backend
