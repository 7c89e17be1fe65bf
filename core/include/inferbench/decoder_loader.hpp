// SPDX-License-Identifier: Apache-2.0
//
// A decoder's weights as an engine's own tensors, for backends in C++20 on other people's libraries. Not included by
// backend.hpp.
//
//   struct Engine {
//     using Buffer = ...;                                    // dense fp32 values; a default one is none
//     using Norm = ...;                                      // has the Buffers `weight` and `bias`
//     using Linear = ...;                                    // a linear layer, packed
//     using Layer = ...;                                     // see DecoderLoader::layer
//     Buffer vector(std::int64_t n);                         // room for n values
//     Buffer matrix(std::int64_t rows, std::int64_t columns);
//     float* data(Buffer&);
//     Linear pack(Buffer weight, const WeightLayout&, Buffer bias);
//     std::uint64_t bytes(const Linear&);
//     void parallel(std::int64_t n, auto&& function);        // function(i) for all i < n, on the engine's threads
//     // Where what is kept is not what was read, such as on a GPU:
//     Buffer loaded(Buffer);                                 // of a norm or an embedding; pack() sees embeddings so
//     std::uint64_t value_bytes();                           // of a value of an embedding that is kept
//     // Where matrices are in files that the engine reads itself: the parts, one after the other. None: read as usual.
//     std::optional<Linear> stored(std::span<const LinearPart>, std::int64_t inputs, const Buffer& bias);
//   };
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "inferbench/backend.hpp"
#include "inferbench/backend_values.hpp"
#include "inferbench/op_bench.h"

namespace inferbench {

/// A description's numbers and flags, to be kept: its pointers, which are the caller's, are null.
constexpr ib_model_desc numbers_of(const ib_model_desc& desc) {
  ib_model_desc numbers = desc;
  numbers.layers = nullptr;
  numbers.rotary_frequencies = numbers.rotary_scales = nullptr;
  numbers.tensors = nullptr;
  numbers.n_tensors = 0;
  return numbers;
}

/// How the weight of a linear layer was read.
struct WeightLayout {
  std::int64_t outputs;
  std::int64_t inputs;
  bool by_outputs;  ///< [outputs, inputs], else [inputs, outputs]
};

/// One of several linear layers that are packed into one product.
struct LinearPart {
  std::string name;  ///< canonical, without ".weight"
  std::int64_t outputs;
};

/// Reads and packs tensor after tensor; after each it reports progress and asks the host whether to go on. Names are
/// those of ib_model_desc without ".weight" and ".bias". Throws Failure, and what the engine throws.
template <typename Engine>
class DecoderLoader {
 public:
  using Buffer = typename Engine::Buffer;
  using Norm = typename Engine::Norm;
  using Linear = typename Engine::Linear;
  using Layer = typename Engine::Layer;

  /// `desc` and its tensors outlive the loader.
  DecoderLoader(Engine engine, const HostCalls& host, const ib_model_desc& desc)
      : engine_(std::move(engine)), host_(host), desc_(desc), tensors_(desc) {}

  /// A dense copy, [rows, columns], as the engine keeps it.
  Buffer matrix(const std::string& name, std::int64_t rows, std::int64_t columns) {
    Buffer buffer = engine_.matrix(rows, columns);
    read_rows(tensors_.get(name + ".weight", {rows, columns}), engine_.data(buffer));
    report();
    return kept(std::move(buffer));
  }

  Norm norm(const std::string& name) {
    Norm norm;
    norm.weight = vector(name + ".weight", desc_.hidden_size);
    if (desc_.norm == IB_NORM_LAYER) norm.bias = vector(name + ".bias", desc_.hidden_size);
    return norm;
  }

  Linear linear(std::initializer_list<LinearPart> parts, std::int64_t inputs, bool has_bias) {
    Buffer bias = has_bias ? biases(parts) : Buffer{};
    if constexpr (requires { engine_.stored(parts, inputs, bias); }) {
      if (std::optional<Linear> stored = engine_.stored(parts, inputs, bias)) {
        for (std::size_t i = 0; i < parts.size(); ++i) report();
        return std::move(*stored);
      }
    }
    WeightLayout layout{0, inputs, is_by_outputs(*parts.begin(), inputs)};
    for (const LinearPart& part : parts) layout.outputs += part.outputs;
    Buffer weight = layout.by_outputs ? engine_.matrix(layout.outputs, inputs) : engine_.matrix(inputs, layout.outputs);
    std::int64_t first = 0;
    for (const LinearPart& part : parts) {
      read_outputs(tensors_.get(part.name + ".weight", {part.outputs, inputs}), layout, first, engine_.data(weight));
      report();
      first += part.outputs;
    }
    return engine_.pack(std::move(weight), layout, std::move(bias));
  }

  // ---- parts of layer `index` ----

  Norm layer_norm(std::int32_t index, std::string_view name) { return norm(decoder::layer_tensor_name(index, name)); }

  Linear layer_linear(std::int32_t index, std::string_view name, std::int64_t outputs, std::int64_t inputs,
                      bool has_bias) {
    return linear({{decoder::layer_tensor_name(index, name), outputs}}, inputs, has_bias);
  }

  /// The up projection alone, without the gate.
  Linear mlp_up(std::int32_t index) {
    return layer_linear(index, "mlp_up", desc_.intermediate_size, desc_.hidden_size, desc_.mlp_bias != 0);
  }

  /// mlp_up and mlp_down. A gate goes to mlp_gate where the Layer has that; else mlp_up has the gate's outputs, then
  /// its own.
  void read_mlp(std::int32_t index, Layer& layer) {
    const bool has_bias = desc_.mlp_bias != 0;
    const std::int64_t intermediate = desc_.intermediate_size;
    if constexpr (requires { layer.mlp_gate; }) {
      if (desc_.gated != 0) {
        layer.mlp_gate = layer_linear(index, "mlp_gate", intermediate, desc_.hidden_size, has_bias);
      }
      layer.mlp_up = mlp_up(index);
    } else {
      layer.mlp_up = desc_.gated == 0 ? mlp_up(index)
                                      : linear({{decoder::layer_tensor_name(index, "mlp_gate"), intermediate},
                                                {decoder::layer_tensor_name(index, "mlp_up"), intermediate}},
                                               desc_.hidden_size, has_bias);
    }
    layer.mlp_down = layer_linear(index, "mlp_down", desc_.hidden_size, intermediate, has_bias);
  }

  void read_qk_norms(std::int32_t index, Layer& layer) {
    if (desc_.qk_norm == 0) return;
    layer.q_norm = vector(decoder::layer_tensor_name(index, "attn_q_norm.weight"), desc_.head_dim);
    layer.k_norm = vector(decoder::layer_tensor_name(index, "attn_k_norm.weight"), desc_.head_dim);
  }

  /// A Layer with desc (ib_layer_desc), attn_norm, attn_qkv (the queries' outputs, then the keys', then the values'),
  /// q_norm, k_norm, attn_out, mlp_norm, the MLP's, and where it has them attn_post_norm and mlp_post_norm. What the
  /// model does not have is left as it was made.
  Layer layer(std::int32_t index) {
    const std::int64_t query_size = decoder::query_size(desc_);
    const std::int64_t kv_size = decoder::kv_size(desc_);
    Layer layer;
    layer.desc = desc_.layers[index];
    layer.attn_norm = layer_norm(index, "attn_norm");
    layer.attn_qkv = linear({{decoder::layer_tensor_name(index, "attn_q"), query_size},
                             {decoder::layer_tensor_name(index, "attn_k"), kv_size},
                             {decoder::layer_tensor_name(index, "attn_v"), kv_size}},
                            desc_.hidden_size, desc_.qkv_bias != 0);
    read_qk_norms(index, layer);
    layer.attn_out = layer_linear(index, "attn_out", desc_.hidden_size, query_size, desc_.attn_out_bias != 0);
    layer.mlp_norm = layer_norm(index, "mlp_norm");
    read_mlp(index, layer);
    if constexpr (requires { layer.attn_post_norm; }) {
      if (desc_.post_norm != 0) {
        layer.attn_post_norm = layer_norm(index, "attn_post_norm");
        layer.mlp_post_norm = layer_norm(index, "mlp_post_norm");
      }
    }
    return layer;
  }

  /// Of a layer, what the operator `op` (IB_OP_*) uses.
  Layer operator_layer(std::int32_t op) {
    if (op == IB_OP_LAYER) return layer(0);
    Layer layer;
    layer.desc = desc_.layers[0];
    if (op == IB_OP_NORM) layer.attn_norm = layer_norm(0, "attn_norm");
    if (op == IB_OP_LINEAR) layer.mlp_up = mlp_up(0);
    if (op == IB_OP_MLP) read_mlp(0, layer);
    if (op == IB_OP_ATTENTION) read_qk_norms(0, layer);
    return layer;
  }

  // ---- a model ----

  /// Fills token_embedding, position_embedding, layers, final_norm and head of `model`. A tied head is packed from a
  /// copy of the token embedding, which an engine may share. A Model with a Linear `embedding` has the table packed
  /// there instead of in token_embedding, and a tied head is a copy of it. Returns the weight bytes that a decode step
  /// reads.
  template <typename Model>
  std::uint64_t read_model(Model& model) {
    const std::int64_t hidden = desc_.hidden_size;
    if constexpr (requires { model.embedding; }) {
      model.embedding = linear({{"token_embedding", desc_.vocab_size}}, hidden, false);
    } else {
      model.token_embedding = matrix("token_embedding", desc_.vocab_size, hidden);
    }
    if (desc_.learned_positions != 0) {
      model.position_embedding = matrix("position_embedding", desc_.max_positions, hidden);
    }
    std::uint64_t step_bytes = 0;
    for (std::int32_t i = 0; i < desc_.n_layers; ++i) step_bytes += model.layers.emplace_back(layer(i)).bytes();
    model.final_norm = norm("final_norm");
    if (desc_.tied_head == 0) {
      model.head = linear({{"head", desc_.vocab_size}}, hidden, false);
    } else if constexpr (requires { model.embedding; }) {
      model.head = model.embedding;
    } else {
      model.head = engine_.pack(Buffer(model.token_embedding), {desc_.vocab_size, hidden, true}, Buffer{});
    }
    const std::uint64_t n_embeddings = desc_.learned_positions != 0 ? 2 : 1;  // one row of each
    return step_bytes + model.final_norm.bytes() + engine_.bytes(model.head) +
           n_embeddings * static_cast<std::uint64_t>(hidden) * value_bytes();
  }

 private:
  void report() {
    host_.progress(static_cast<double>(++n_taken_) / static_cast<double>(desc_.n_tensors));
    host_.throw_if_cancelled();
  }

  Buffer vector(const std::string& name, std::int64_t n) {
    Buffer buffer = engine_.vector(n);
    read_values_of(name, n, engine_.data(buffer));
    return kept(std::move(buffer));
  }

  Buffer biases(std::span<const LinearPart> parts) {
    std::int64_t n = 0;
    for (const LinearPart& part : parts) n += part.outputs;
    Buffer bias = engine_.vector(n);
    float* to = engine_.data(bias);
    for (const LinearPart& part : parts) {
      read_values_of(part.name + ".bias", part.outputs, to);
      to += part.outputs;
    }
    return bias;
  }

  Buffer kept(Buffer buffer) {
    if constexpr (requires { engine_.loaded(std::move(buffer)); }) return engine_.loaded(std::move(buffer));
    return buffer;
  }

  std::uint64_t value_bytes() const {
    if constexpr (requires { engine_.value_bytes(); }) return engine_.value_bytes();
    return sizeof(float);
  }

  void read_values_of(const std::string& name, std::int64_t n, float* to) {
    read_vector(tensors_.get(name, {n}), 0, n, to);
    report();
  }

  void read_rows(const ib_tensor& tensor, float* to) {
    const std::int64_t columns = tensor.shape[1];
    engine_.parallel(tensor.shape[0], [&](std::int64_t i) { read_row(tensor, i, 0, columns, to + i * columns); });
  }

  /// Copies `tensor` [outputs, inputs] to `to`, as the outputs from `first` on.
  void read_outputs(const ib_tensor& tensor, const WeightLayout& layout, std::int64_t first, float* to) {
    if (layout.by_outputs) return read_rows(tensor, to + first * layout.inputs);
    engine_.parallel(layout.inputs, [&](std::int64_t k) {
      read_column(tensor, k, 0, tensor.shape[0], to + k * layout.outputs + first);
    });
  }

  /// The order in which the part is stored: reading against it misses the cache at every element.
  bool is_by_outputs(const LinearPart& part, std::int64_t inputs) const {
    const ib_tensor& tensor = tensors_.get(part.name + ".weight", {part.outputs, inputs});
    return tensor.strides[1] <= tensor.strides[0];
  }

  Engine engine_;
  HostCalls host_;
  const ib_model_desc& desc_;
  TensorMap tensors_;
  std::uint64_t n_taken_ = 0;
};

}  // namespace inferbench
