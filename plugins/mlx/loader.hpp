// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <optional>
#include <span>

#include "inferbench/decoder_loader.hpp"
#include "layer.hpp"
#include "quantized_folder.hpp"

namespace inferbench::mlx_backend {

/// What DecoderLoader needs to know of MLX. Throws what MLX throws.
struct LoaderEngine {
  using Buffer = MaybeArray;
  using Norm = mlx_backend::Norm;
  using Linear = mlx_backend::Linear;
  using Layer = mlx_backend::Layer;

  MaybeArray vector(std::int64_t n) const;
  MaybeArray matrix(std::int64_t rows, std::int64_t columns) const;
  float* data(MaybeArray& buffer) const { return buffer->data<float>(); }
  Linear pack(const MaybeArray& weight, const WeightLayout& layout, const MaybeArray& bias) const;
  std::optional<Linear> stored(std::span<const LinearPart> parts, std::int64_t inputs, const MaybeArray& bias) const;
  std::uint64_t bytes(const Linear& linear) const { return linear.bytes(); }

  template <typename Function>
  void parallel(std::int64_t n, const Function& function) const {
    for (std::int64_t i = 0; i < n; ++i) function(i);
  }

  Format format;
  const QuantizedFolder* folder = nullptr;  ///< where all matrices are, if not null
  bool post_norm = false;                   ///< as in ib_model_desc
};

using Loader = DecoderLoader<LoaderEngine>;

}  // namespace inferbench::mlx_backend
