// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <vector>

#include "attention.hpp"
#include "model.hpp"
#include "product.hpp"

namespace inferbench::onednn {

// Tokens that one pass through the layers takes; longer calls make several, which bounds the work space.
constexpr std::int32_t kPassRows = 512;

struct LayerSizes {
  std::int64_t max_rows = 0;
  std::int64_t width = 0;
  std::int64_t inner = 0;
  std::int64_t max_outputs = 0;  ///< of any product
  std::int32_t activation = 0;   ///< IB_ACTIVATION_*
  float epsilon = 0;
};

/// A layer's operations, with the primitives made so far and their work space. Throws dnnl::error, std::bad_alloc.
class LayerPass {
 public:
  LayerPass(Context& context, Precision precision, const LayerSizes& sizes, const AttentionShape& attention_shape);

  /// x's first `rows` rows through `layer`, the index-th of the cache, in place; `segments` says whose they are.
  void run(const Layer& layer, std::size_t index, float attention_scale, std::span<const PassSegment> segments,
           std::int64_t rows);

  // Its operations. All matrices are dense.
  void layer_norm(const LayerNorm& norm, const float* from, std::int64_t rows, float* to);
  void product(const Linear& linear, const float* from, std::int64_t rows, float* to, Then then);
  /// to [rows, columns] = activation(from)
  void activate(const float* from, std::int64_t rows, std::int64_t columns, float* to);
  /// to [rows, columns] = softmax of each row
  void softmax(const float* from, std::int64_t rows, std::int64_t columns, float* to);
  /// The first product of an MLP, activation included, then the second.
  void mlp(const Layer& layer, const float* from, std::int64_t rows, float* to, Then then);

  std::uint64_t scratch_bytes() const;

  Attention attention;
  std::vector<float> x;       ///< [rows, width] the residual stream
  std::vector<float> normed;  ///< [rows, width]
  std::vector<float> qkv;     ///< [rows, 3 width]
  std::vector<float> hidden;  ///< [rows, inner]

 private:
  Context& context_;
  LayerSizes sizes_;
  Products products_;
  std::map<std::int64_t, dnnl::layer_normalization_forward> norms_;  // by rows
  std::map<std::int64_t, dnnl::softmax_forward> softmaxes_;          // by rows; columns never change
};

}  // namespace inferbench::onednn
