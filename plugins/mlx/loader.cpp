// SPDX-License-Identifier: Apache-2.0
#include "loader.hpp"

#include <mlx/allocator.h>
#include <mlx/ops.h>

#include <utility>
#include <vector>

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
  const mx::array by_outputs = layout.by_outputs ? *weight : mx::contiguous(mx::transpose(*weight));
  return join_linear({pack_matrix(by_outputs, format)}, bias, format.dtype);
}

std::optional<LoaderEngine::Linear> LoaderEngine::stored(std::span<const LinearPart> parts, std::int64_t inputs,
                                                         const MaybeArray& bias) const {
  if (folder == nullptr) return std::nullopt;
  std::vector<Matrix> matrices;
  for (const LinearPart& part : parts) {
    matrices.push_back(folder->matrix(part.name + ".weight", part.outputs, inputs, post_norm, format.dtype));
  }
  return join_linear(std::move(matrices), bias, format.dtype);
}

}  // namespace inferbench::mlx_backend
