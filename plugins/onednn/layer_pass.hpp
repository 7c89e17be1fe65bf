// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <span>
#include <vector>

#include "attention.hpp"
#include "inferbench/engine_passes.hpp"
#include "model.hpp"
#include "norm.hpp"
#include "product.hpp"
#include "rotary.hpp"

namespace inferbench::onednn {

/// Limits of a pass and the size of its KV cache.
struct PassSizes {
  std::int64_t max_rows = 0;
  std::int64_t segment_rows = 0;
  std::int64_t n_cached_layers = 0;
  std::int64_t n_slots = 0;
  std::int64_t max_tokens = 0;  ///< of a slot
  std::int64_t max_output = 0;  ///< values of the largest product outside the layers
};

/// A layer's operations, with the primitives made so far and their work space. Throws dnnl::error, std::bad_alloc.
class LayerPass {
 public:
  /// Reads only the numbers and flags of `desc`.
  LayerPass(Context& context, Precision precision, const ib_model_desc& desc, const RotaryTables& tables,
            const PassSizes& sizes);

  /// x's first `rows` rows through `layer`, the index-th of the cache, in place; `segments` says whose they are. Call
  /// rotary.set_positions first.
  void run(const Layer& layer, std::size_t index, std::span<const PassSegment> segments, std::int64_t rows);

  // Its operations. All matrices are dense.
  void norm(const Norm& norm, const float* from, std::int64_t rows, float* to);
  void product(const Linear& linear, const float* from, std::int64_t rows, float* to, Then then);
  /// to [rows, columns] = activation(from)
  void activate(const float* from, std::int64_t rows, std::int64_t columns, float* to);
  /// to [rows, columns] = softmax of each row
  void softmax(const float* from, std::int64_t rows, std::int64_t columns, float* to);
  /// Everything between the QKV projection and the output projection: projected [rows, q + 2 kv] to `to` [rows, q].
  /// Stores keys and values in the cache.
  void attend(const Layer& layer, std::size_t index, std::span<const PassSegment> segments, const float* projected,
              std::int64_t rows, float* to);
  /// to = mlp(from), or what `then` says.
  void mlp(const Layer& layer, const float* from, std::int64_t rows, float* to, Then then);

  std::uint64_t scratch_bytes() const;

  Attention attention;
  Rotary rotary;
  std::vector<float> x;       ///< [rows, hidden] the residual stream
  std::vector<float> normed;  ///< [rows, hidden]

 private:
  Context& context_;
  ib_model_desc desc_;  // numbers and flags
  Norms norms_;
  Products products_;
  Then activation_;
  std::vector<float> qkv_;                                   // [rows, q + 2 kv]
  std::vector<float> attended_;                              // [rows, q]
  std::vector<float> gate_;                                  // [rows, intermediate], activated; empty: no gate
  std::vector<float> up_;                                    // [rows, intermediate]
  std::map<std::int64_t, dnnl::softmax_forward> softmaxes_;  // by rows; columns never change
};

}  // namespace inferbench::onednn
