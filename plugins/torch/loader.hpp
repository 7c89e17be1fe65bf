// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "inferbench/decoder_loader.hpp"
#include "layer.hpp"
#include "precision.hpp"

namespace inferbench::torch_backend {

/// What DecoderLoader needs to know of libtorch. Throws c10::Error.
struct LoaderEngine {
  using Buffer = at::Tensor;
  using Norm = torch_backend::Norm;
  using Linear = std::unique_ptr<torch_backend::Linear>;
  using Layer = torch_backend::Layer;

  at::Tensor vector(std::int64_t n) const;
  at::Tensor matrix(std::int64_t rows, std::int64_t columns) const;
  float* data(at::Tensor& buffer) const { return buffer.data_ptr<float>(); }
  at::Tensor loaded(at::Tensor buffer) const;
  Linear pack(const at::Tensor& weight, const WeightLayout& layout, const at::Tensor& bias) const;
  std::uint64_t bytes(const Linear& linear) const { return linear->bytes(); }
  std::uint64_t value_bytes() const { return c10::elementSize(precision.values); }

  template <typename Function>
  void parallel(std::int64_t n, const Function& function) const {
#pragma omp parallel for
    for (std::int64_t i = 0; i < n; ++i) function(i);
  }

  c10::Device device;
  Precision precision;
};

using Loader = DecoderLoader<LoaderEngine>;

}  // namespace inferbench::torch_backend
