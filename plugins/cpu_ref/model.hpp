// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "buffer.hpp"
#include "inferbench/backend.hpp"
#include "kernels/kernels.hpp"
#include "packed_matrix.hpp"
#include "thread_pool.hpp"

namespace inferbench::cpu_ref {

struct Norm {
  float* weight = nullptr;  ///< [width]
  float* bias = nullptr;    ///< [width]
};

struct Linear {
  PackedMatrix weight;    ///< [inputs, outputs]
  float* bias = nullptr;  ///< [outputs]; null: none
};

struct Layer {
  Norm ln_1;
  Linear attn_in;   ///< c_attn  [width, 3 width]
  Linear attn_out;  ///< c_proj  [width, width]
  Norm ln_2;
  Linear mlp_in;   ///< c_fc    [width, inner]
  Linear mlp_out;  ///< c_proj  [inner, width]
};

/// GPT-2's numbers, widened so that products of them do not overflow.
struct Shape {
  std::int64_t n_layers = 0;
  std::int64_t n_heads = 0;
  std::int64_t width = 0;
  std::int64_t head_width = 0;
  std::int64_t inner = 0;
  std::int64_t context = 0;
  std::int64_t vocab = 0;
  std::int32_t activation = IB_ACTIVATION_GELU_TANH;
  bool scale_attn_weights = true;
  bool scale_attn_by_inverse_layer = false;
  float epsilon = 1e-5F;

  /// The factor of layer `layer`'s attention scores.
  float attention_scale(std::int64_t layer) const;
};

/// Threads and the host's callbacks.
struct Context {
  explicit Context(const ib_init_params& params);

  HostCalls host;
  ThreadPool pool;
};

/// What operations run on.
struct Engine {
  ThreadPool* pool;
  const Kernels* kernels;
};

/// What option `isa` asks for. Throws Failure where this machine cannot run it, and for a precision other than fp32.
const Kernels* kernels_for(std::string_view precision, const OptionReader& options);

/// Every weight as fp32, in one allocation. Immutable once created.
struct Model {
  /// Converts and packs, in parallel. Throws Failure or std::bad_alloc.
  Model(Context& context, const ib_model_params& params);
  /// Without weights: the caller lays out those that it needs.
  Model(Context& context, const Kernels* kernels, const Shape& shape);

  Context* context;
  Engine engine;
  Shape shape;

  Buffer storage;
  PackedMatrix head;                    ///< [width, vocab]; where it is tied, it is the embedding table too
  float* own_embedding = nullptr;       ///< [vocab, width]; null where the head is tied
  float* position_embedding = nullptr;  ///< [context, width]
  Norm ln_f;
  std::vector<Layer> layers;

  const ib_model_info& info() const { return info_; }

 private:
  ib_model_info info_{};
};

}  // namespace inferbench::cpu_ref
