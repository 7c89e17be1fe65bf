// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "context.hpp"
#include "inferbench/decoder_loader.hpp"
#include "model.hpp"

namespace inferbench::onednn {

/// What DecoderLoader needs to know of oneDNN. Throws dnnl::error, std::bad_alloc.
struct LoaderEngine {
  using Buffer = std::vector<float>;
  using Norm = onednn::Norm;
  using Linear = onednn::Linear;
  using Layer = onednn::Layer;

  Buffer vector(std::int64_t n) const { return Buffer(static_cast<std::size_t>(n)); }
  Buffer matrix(std::int64_t rows, std::int64_t columns) const { return vector(rows * columns); }
  float* data(Buffer& buffer) const { return buffer.data(); }
  Linear pack(Buffer weight, const WeightLayout& layout, Buffer bias) const {
    const Matrix matrix{layout.inputs, layout.outputs, layout.by_outputs, std::move(weight)};
    return pack_linear(context.engine, context.stream, precision, matrix, std::move(bias));
  }
  std::uint64_t bytes(const Linear& linear) const { return linear.bytes(); }

  template <typename Function>
  void parallel(std::int64_t n, const Function& function) const {
#pragma omp parallel for
    for (std::int64_t i = 0; i < n; ++i) function(i);
  }

  Context& context;
  Precision precision;
};

using Loader = DecoderLoader<LoaderEngine>;

}  // namespace inferbench::onednn
