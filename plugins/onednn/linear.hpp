// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

namespace inferbench::onednn {

enum class Precision { kFp32, kInt8 };

/// A linear layer's weights in the layout that oneDNN wants for a block of rows, and its bias.
/// int8: symmetric, a scale per output channel; `sums` are the channels' sums of codes, which take the activations'
/// zero point (they are unsigned) out of the products again.
struct Linear {
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  dnnl::memory weight;             ///< [inputs, outputs], packed
  std::vector<float> bias;         ///< [outputs]; empty: none
  std::vector<float> scales;       ///< [outputs], int8 only
  std::vector<std::int32_t> sums;  ///< [outputs], int8 only

  std::uint64_t bytes() const;  ///< 0 where nothing was packed
  /// A copy shares the packed weight with what it was copied from: gives it one of its own.
  void own_weight(const dnnl::engine& engine);
};

/// A linear layer's weights as they were read.
struct Matrix {
  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  bool by_outputs = true;     ///< values are [outputs, inputs], else [inputs, outputs]
  std::vector<float> values;  ///< dense
};

/// `bias` [outputs], or empty. Throws dnnl::error, std::bad_alloc.
Linear pack_linear(const dnnl::engine& engine, dnnl::stream& stream, Precision precision, const Matrix& weight,
                   std::vector<float> bias);

}  // namespace inferbench::onednn
