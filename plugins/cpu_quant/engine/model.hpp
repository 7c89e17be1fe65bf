// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "engine/buffer.hpp"
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

/// weight and bias of a LayerNorm, width floats each.
struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;
};

struct Layer {
  Norm ln_1;
  Linear attn_qkv;   ///< width -> 3 width
  Linear attn_proj;  ///< width -> width
  Norm ln_2;
  Linear mlp_fc;    ///< width -> inner
  Linear mlp_proj;  ///< inner -> width
  float attention_scale = 1.0F;
};

/// The packed weights; immutable once made. All pointers lead into one buffer.
class Model {
 public:
  /// Quantizes and packs every tensor of params.desc, which may be unmapped afterwards. Reports progress and polls for
  /// cancellation. Throws Failure (unsupported, invalid, cancelled) and std::bad_alloc.
  Model(Context& context, const ib_model_params& params);
  /// As many layers as the operator has copies, all alike, with just its weights; info()'s bytes are those of one.
  Model(Context& context, const ib_op_desc& desc);

  Context& context;
  const ib_model_desc shape;  ///< numbers only: its tensors are gone
  const Options options;
  const KernelTable& kernels;
  const std::int32_t linear_outputs = 0;  ///< of attn_qkv in the model of a single product; else 0
  std::vector<Layer> layers;
  Norm ln_f;
  Linear head;                       ///< width -> vocab, no bias
  Linear embedding;                  ///< wte by rows; the head itself where they are tied
  const float* positions = nullptr;  ///< wpe [context][width]

  const ib_model_info& info() const { return info_; }

 private:
  class Builder;
  Buffer buffer_;
  ib_model_info info_{};
};

}  // namespace inferbench::cpu_quant
