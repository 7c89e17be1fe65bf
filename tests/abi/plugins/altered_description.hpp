// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inferbench/backend_values.hpp"
#include "inferbench/decoder.hpp"

namespace inferbench {

/// The caller's description with the fault applied; owns the tensors that differ. A fault in a tensor that the model
/// does not have changes nothing.
class AlteredDescription {
 public:
  AlteredDescription(const ib_model_params& params, std::string_view fault)
      : tensors_(params.desc->tensors, params.desc->tensors + params.desc->n_tensors),
        layers_(params.desc->layers, params.desc->layers + params.desc->n_layers),
        desc_(*params.desc),
        params_(params) {
    if (fault == "dropped_bias") clear("layer.0.attn_out.bias");
    if (fault == "swapped_heads") swap_heads("layer.0.attn_out.weight");
    if (fault == "same_scale") {
      for (ib_layer_desc& layer : layers_) layer.attention_scale = layers_.front().attention_scale;
    }
    if (fault == "one_rotary_table") {
      for (ib_layer_desc& layer : layers_) layer.rotary_table = std::min(layer.rotary_table, 0);
    }
    if (fault == "window_wide") {
      for (ib_layer_desc& layer : layers_) layer.window += layer.window > 0 ? 1 : 0;
    }
    if (fault == "no_soft_caps") desc_.attention_soft_cap = desc_.logit_soft_cap = 0;
    if (fault == "no_embedding_scale") desc_.embedding_scale = 1;
    if (fault == "kv_head_modulo") deal_query_heads();
    if (fault == "rotary_interleaved") interleave_rotation();
    if (fault == "strides_ignored") pack_strides();
    if (fault == "one_gelu" && desc_.activation == IB_ACTIVATION_GELU_ERF) desc_.activation = IB_ACTIVATION_GELU_TANH;
    // Assumes that the first tensor is the token embedding. To simulate that, a norm is zeroed if it is not.
    if (fault == "fixed_order" && std::string_view(tensors_[0].name) != "token_embedding.weight") {
      clear("layer.0.mlp_norm.weight");
    }
    if (fault == "any_precision") params_.precision = "fp32";
    if (fault == "transposed") transpose_projections();
    if (fault == "late_from_32") shift_positions(32);
    if (fault == "bf16_weights") round_to_bf16();
    desc_.tensors = tensors_.data();
    desc_.layers = layers_.data();
    params_.desc = &desc_;
  }

  const ib_model_params& params() const { return params_; }

 private:
  /// The tensor, or null if the model has none of that name.
  ib_tensor* find(std::string_view name) {
    const auto tensor =
        std::find_if(tensors_.begin(), tensors_.end(), [&](const ib_tensor& t) { return name == t.name; });
    return tensor == tensors_.end() ? nullptr : &*tensor;
  }

  /// Replaces the tensor by a dense fp32 copy, and returns it.
  std::vector<float>& own(ib_tensor& tensor) {
    const std::int64_t columns = tensor.rank == 2 ? tensor.shape[1] : 1;
    std::vector<float>& values = owned_.emplace_back(static_cast<std::size_t>(tensor.shape[0] * columns));
    for (std::int64_t row = 0; row < tensor.shape[0]; ++row) {
      read_row(tensor, row, 0, columns, values.data() + row * columns);
    }
    tensor.dtype = IB_DTYPE_F32;
    tensor.strides[0] = columns;
    tensor.strides[1] = tensor.rank == 2 ? 1 : 0;
    tensor.data = values.data();
    tensor.n_bytes = values.size() * sizeof(float);
    return values;
  }

  void clear(std::string_view name) {
    if (ib_tensor* tensor = find(name); tensor != nullptr) std::ranges::fill(own(*tensor), 0.0F);
  }

  // Swaps columns [0, head_dim) and [head_dim, 2 head_dim) of the projection, which swaps the results of two heads.
  void swap_heads(std::string_view name) {
    ib_tensor* tensor = find(name);
    if (tensor == nullptr || desc_.n_heads < 2) return;
    std::vector<float>& values = own(*tensor);
    for (float* row = values.data(); row != values.data() + values.size(); row += tensor->shape[1]) {
      std::swap_ranges(row, row + desc_.head_dim, row + desc_.head_dim);
    }
  }

  // Reorders rows of the projection's weight and bias: row i becomes row from[i].
  void reorder_rows(std::int32_t layer, const std::string& projection, std::span<const std::int64_t> from) {
    for (const char* part : {".weight", ".bias"}) {
      ib_tensor* tensor = find(decoder::layer_tensor_name(layer, projection + part));
      if (tensor == nullptr) continue;
      std::vector<float>& values = own(*tensor);
      const std::vector<float> before = values;
      const std::int64_t n = tensor->rank == 2 ? tensor->shape[1] : 1;
      for (std::size_t row = 0; row < from.size(); ++row) {
        std::copy_n(before.begin() + from[row] * n, n, values.begin() + static_cast<std::int64_t>(row) * n);
      }
    }
  }

  // Query head i takes the keys of head i % n_kv_heads, where i / (n_heads / n_kv_heads) is right.
  void deal_query_heads() {
    const std::int64_t group = desc_.n_heads / desc_.n_kv_heads;
    std::vector<std::int64_t> rows;  // the right place of a query head has its keys at place / group
    for (std::int64_t place = 0; place < desc_.n_heads; ++place) {
      const std::int64_t head = place % group * desc_.n_kv_heads + place / group;
      for (std::int64_t d = 0; d < desc_.head_dim; ++d) rows.push_back(head * desc_.head_dim + d);
    }
    for (std::int32_t layer = 0; layer < desc_.n_layers; ++layer) {
      reorder_rows(layer, "attn_q", rows);
      ib_tensor* tensor = find(decoder::layer_tensor_name(layer, "attn_out.weight"));
      if (tensor == nullptr) continue;
      std::vector<float>& values = own(*tensor);
      const std::vector<float> before = values;
      for (std::int64_t at = 0; at < tensor->shape[0] * tensor->shape[1]; ++at) {
        const std::int64_t column = at % tensor->shape[1];
        values[static_cast<std::size_t>(at)] =
            before[static_cast<std::size_t>(at - column + rows[static_cast<std::size_t>(column)])];
      }
    }
  }

  // Rotates neighbours (2 i, 2 i + 1) instead of (i, i + head_dim / 2). Exact where queries and keys have no norms.
  void interleave_rotation() {
    const auto rows_of = [&](std::int32_t heads) {
      std::vector<std::int64_t> rows;
      const std::int64_t half = desc_.head_dim / 2;
      for (std::int64_t i = 0; i < std::int64_t{heads} * desc_.head_dim; ++i) {
        const std::int64_t d = i % desc_.head_dim;
        rows.push_back(i - d + (d < half ? 2 * d : 2 * (d - half) + 1));
      }
      return rows;
    };
    for (std::int32_t layer = 0; layer < desc_.n_layers; ++layer) {
      if (layers_[static_cast<std::size_t>(layer)].rotary_table < 0) continue;
      reorder_rows(layer, "attn_q", rows_of(desc_.n_heads));
      reorder_rows(layer, "attn_k", rows_of(desc_.n_kv_heads));
    }
  }

  // Takes every matrix for row-major without gaps.
  void pack_strides() {
    for (ib_tensor& tensor : tensors_) {
      if (tensor.rank != 2) continue;
      tensor.strides[0] = tensor.shape[1];
      tensor.strides[1] = 1;
    }
  }

  // Reads matrices [outputs, inputs] as if their memory were [inputs, outputs].
  void transpose_projections() {
    for (std::int32_t i = 0; i < desc_.n_layers; ++i) {
      ib_tensor* tensor = find(decoder::layer_tensor_name(i, "attn_out.weight"));
      if (tensor == nullptr) continue;
      own(*tensor);
      tensor->strides[0] = 1;
      tensor->strides[1] = tensor->shape[0];
    }
  }

  // Positions from `first` on use the embedding of the next position.
  void shift_positions(std::ptrdiff_t first) {
    ib_tensor* tensor = find("position_embedding.weight");
    if (tensor == nullptr || desc_.max_positions <= first + 1) return;
    std::vector<float>& values = own(*tensor);
    std::copy(values.begin() + (first + 1) * desc_.hidden_size, values.end(),
              values.begin() + first * desc_.hidden_size);
  }

  // Rounds to nearest, ties to even.
  void round_to_bf16() {
    for (ib_tensor& tensor : tensors_) {
      for (float& value : own(tensor)) {
        const auto bits = std::bit_cast<std::uint32_t>(value);
        value = std::bit_cast<float>((bits + 0x7FFFU + (bits >> 16U & 1U)) & 0xFFFF0000U);
      }
    }
  }

  std::vector<ib_tensor> tensors_;
  std::vector<ib_layer_desc> layers_;
  std::list<std::vector<float>> owned_;
  ib_model_desc desc_;
  ib_model_params params_;
};

}  // namespace inferbench
