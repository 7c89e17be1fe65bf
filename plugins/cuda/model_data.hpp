// SPDX-License-Identifier: Apache-2.0
//
// A model as kernels see it: sizes and device pointers. Plain structs that are passed to kernels by value.
#pragma once

#include <cstdint>

#include "formats.hpp"

struct float2;  // of CUDA; only pointers to it are used here

namespace inferbench::cuda_backend {

/// Values of 16 bits (or 32 for fp32) that products read are padded with zeros to rows of this many.
constexpr std::int32_t kRowValues = 128;

/// Sizes and flags of a description; see ib_model_desc.
struct Shape {
  std::int32_t n_layers;
  std::int32_t n_heads;
  std::int32_t n_kv_heads;
  std::int32_t head_dim;
  std::int32_t head_stride;  ///< head_dim rounded up to 8: values of a head in the cache
  std::int32_t hidden;
  std::int32_t hidden_stride;  ///< rounded up to kRowValues, as the next three
  std::int32_t query_stride;   ///< of n_heads * head_dim
  std::int32_t mlp_stride;     ///< of the intermediate size
  std::int32_t qkv_stride;
  std::int32_t intermediate;
  std::int32_t vocab;
  std::int32_t norm;
  std::int32_t activation;
  std::int32_t learned_positions;
  std::int32_t qk_norm;
  std::int32_t post_norm;
  std::int32_t gated;
  std::int32_t has_windows;  ///< of any layer; set by lay_out
  std::int32_t has_rotary;   ///< the same
  float epsilon;
  float embedding_scale;
  float attention_cap;
  float logit_cap;

  IB_BOTH std::int32_t query_size() const { return n_heads * head_dim; }
  IB_BOTH std::int32_t kv_size() const { return n_kv_heads * head_dim; }
  IB_BOTH std::int32_t qkv_size() const { return query_size() + 2 * kv_size(); }
  /// Rows of the first matrix of the MLP. Gate and up projection are interleaved: see gated_row.
  IB_BOTH std::int32_t up_rows() const { return gated != 0 ? (intermediate + 7) / 8 * 16 : intermediate; }
};

/// A linear layer. Its rows, inputs and format are the same in all layers of a model: see Products.
struct Matrix {
  void* data;
  float* bias;     ///< [rows], padded to a multiple of 16; null: none
  float2* folded;  ///< [rows] likewise, behind a LayerNorm: the row times the norm's weight; the row times its bias,
                   ///< plus the row's own bias. null: of other matrices
};

struct MatrixShape {
  std::int32_t rows;
  std::int32_t inputs;
  std::int32_t padded_inputs;  ///< as padded_inputs() of the format
  std::int32_t row_tiles;      ///< of 16
  Format format;
};

/// The matrices of a layer, and the head.
struct Products {
  MatrixShape qkv;
  MatrixShape out;
  MatrixShape up;
  MatrixShape down;
  MatrixShape head;
};

struct NormWeights {
  float* weight;  ///< [hidden_stride], zeros behind hidden; null: there is no such norm
  float* bias;    ///< the same; null for RMS norms
};

struct LayerWeights {
  // The matrices come first, in the order in which a pass reads them.
  Matrix qkv;  ///< the queries' rows, then the keys', then the values'
  Matrix out;
  Matrix up;
  Matrix down;
  NormWeights attn_norm;
  NormWeights attn_post_norm;
  NormWeights mlp_norm;
  NormWeights mlp_post_norm;
  float* q_norm;  ///< [head_dim]; null: none
  float* k_norm;
  float attention_scale;
  std::int32_t window;        ///< 0: all positions
  std::int32_t rotary_table;  ///< -1: none
  std::int32_t reserved;
};

struct ModelData {
  Shape shape;
  Products products;
  Format format;             ///< of the linear layers
  Format values;             ///< of embeddings and of activations that products read; of most KV caches
  void* token_embedding;     ///< [vocab][embedding_stride]
  void* position_embedding;  ///< [max_positions][embedding_stride]; null: none
  std::int32_t embedding_stride;
  std::int32_t n_rotary_tables;
  LayerWeights* layers;  ///< [n_layers], in device memory
  NormWeights final_norm;
  Matrix head;
};

/// The keys and values of a session, and the cosines and sines of its positions.
struct KvCache {
  void* data;        ///< [slot][layer][keys, values][kv head][max_tokens][head_stride]
  float* scales;     ///< of 8-bit codes: [slot][layer][keys, values][kv head][max_tokens]; null: data has model values
  float2* rotation;  ///< [table][max_tokens][head_dim / 2]: cosine and sine, times the table's scale; null: none
  std::int32_t max_tokens;
  std::int32_t reserved;

  /// Values from one (slot, layer) to the next, and from its keys to its values.
  IB_BOTH std::int64_t half_stride(const Shape& shape) const {
    return static_cast<std::int64_t>(shape.n_kv_heads) * max_tokens * shape.head_stride;
  }
  /// Value [part][head][position 0] of a slot and layer. part: 0 keys, 1 values.
  IB_BOTH std::int64_t place(const Shape& shape, std::int32_t slot, std::int32_t layer, std::int32_t part,
                             std::int32_t head) const {
    const std::int64_t pair = (static_cast<std::int64_t>(slot) * shape.n_layers + layer) * 2 + part;
    return pair * half_stride(shape) + static_cast<std::int64_t>(head) * max_tokens * shape.head_stride;
  }
  /// The same of scales, of which each position has one.
  IB_BOTH std::int64_t scales_half_stride(const Shape& shape) const {
    return static_cast<std::int64_t>(shape.n_kv_heads) * max_tokens;
  }
  IB_BOTH std::int64_t scale_place(const Shape& shape, std::int32_t slot, std::int32_t layer, std::int32_t part,
                                   std::int32_t head) const {
    const std::int64_t pair = (static_cast<std::int64_t>(slot) * shape.n_layers + layer) * 2 + part;
    return pair * scales_half_stride(shape) + static_cast<std::int64_t>(head) * max_tokens;
  }
};

/// Work space for a layer's keys and values as 16-bit values: [keys, values][kv head][position][head_stride].
struct ExpandedCache {
  void* data;
  std::int32_t positions;  ///< 0: there is none

  /// Value [part][head][position 0 of a slot that begins at `begin`].
  IB_BOTH std::int64_t place(const Shape& shape, std::int32_t part, std::int32_t head, std::int32_t begin) const {
    return ((static_cast<std::int64_t>(part) * shape.n_kv_heads + head) * positions + begin) * shape.head_stride;
  }
};

}  // namespace inferbench::cuda_backend
