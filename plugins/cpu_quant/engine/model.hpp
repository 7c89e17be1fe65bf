// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/buffer.hpp"
#include "engine/model_shape.hpp"
#include "engine/thread_team.hpp"
#include "formats/pack.hpp"
#include "inferbench/backend.h"
#include "inferbench/backend.hpp"
#include "inferbench/op_bench.h"
#include "kernels/kernels.h"
#include "options.hpp"

namespace inferbench::cpu_quant {

/// What init makes: threads, callbacks, and the count of memory.
struct Context {
  explicit Context(const ib_init_params& params) : host(params.host), team(params.n_threads) {}
  HostCalls host;
  ThreadTeam team;
  MemoryMeter memory;
};

/// A packed linear layer: y[n] = W[n][k] x[k] + bias[n].
struct Linear {
  const std::uint8_t* weights = nullptr;
  const float* bias = nullptr;  ///< n floats, or null
  std::int32_t n = 0;
  std::int32_t k = 0;
  WeightFormat format = WeightFormat::Int8;

  std::int64_t bytes() const { return packed_bytes(format, n, k); }
  std::int64_t tile_bytes() const { return packed_tile_bytes(format, k); }
};

struct Layer {
  NormArgs attn_norm{};
  Linear attn_qkv;                ///< hidden -> queries, keys, values: see QkvColumns
  const float* q_norm = nullptr;  ///< head_dim floats, or null
  const float* k_norm = nullptr;
  Linear attn_out;            ///< queries -> hidden
  NormArgs attn_post_norm{};  ///< weight null: none
  NormArgs mlp_norm{};
  Linear mlp_up;    ///< hidden -> intermediate; gated: a tile of gates, the tile of up that belongs to it, ...
  Linear mlp_down;  ///< intermediate -> hidden
  NormArgs mlp_post_norm{};
};

/// Where a row of the product with attn_qkv has its parts; each begins with a tile.
struct QkvColumns {
  std::int32_t k;
  std::int32_t v;
  std::int32_t n;  ///< of the row

  explicit QkvColumns(const ib_model_desc& shape)
      : k(n_tiles(shape.n_heads * shape.head_dim) * kTile),
        v(k + n_tiles(shape.n_kv_heads * shape.head_dim) * kTile),
        n(v + n_tiles(shape.n_kv_heads * shape.head_dim) * kTile) {}
};

/// The packed weights; immutable once made. All pointers lead into one buffer.
class Model {
 public:
  /// Quantizes and packs every tensor of params.desc, which may be unmapped afterwards. Reports progress and polls for
  /// cancellation. Throws Failure (unsupported, invalid, cancelled) and std::bad_alloc.
  Model(Context& context, const ib_model_params& params);
  /// As many layers as the operator has copies, all alike, with just its weights; info()'s bytes are those of one.
  Model(Context& context, const ib_op_desc& op);

  Context& context;

 private:
  const ModelShape shape_;

 public:
  const ib_model_desc& shape;  ///< without tensors
  const Options options;
  const KernelTable& kernels;
  std::vector<Layer> layers;
  NormArgs final_norm{};
  Linear head;                       ///< hidden -> vocabulary, no bias
  Linear embedding;                  ///< by rows; the head itself where they are tied
  const float* positions = nullptr;  ///< [max_positions][hidden], or null

  /// Query heads that share a head of keys.
  std::int32_t queries_per_head() const { return shape.n_heads / shape.n_kv_heads; }
  const ib_model_info& info() const { return info_; }

 private:
  friend class ModelBuilder;
  void describe(std::uint64_t weights_bytes, std::uint64_t decode_weights_bytes);

  Buffer buffer_;
  ib_model_info info_{};
};

}  // namespace inferbench::cpu_quant
