// SPDX-License-Identifier: Apache-2.0
#include "model_layout.hpp"

#include <string>

namespace inferbench::cuda_backend {
namespace {

/// For Matrix::folded, of which this file does not know the type.
float2* take_pairs(Arena& arena, std::int32_t n) {
  return reinterpret_cast<float2*>(arena.take<float>(std::uint64_t{2} * static_cast<std::uint64_t>(n)));
}

Matrix take_matrix(Arena& arena, const MatrixShape& shape, bool bias, bool folded = false) {
  Matrix matrix{};
  matrix.data = arena.take<std::byte>(static_cast<std::uint64_t>(matrix_bytes(shape.format, shape.rows, shape.inputs)));
  const std::int32_t padded_rows = shape.row_tiles * kTileRows;
  if (bias) matrix.bias = arena.take<float>(static_cast<std::uint64_t>(padded_rows));
  if (folded) matrix.folded = take_pairs(arena, padded_rows);
  return matrix;
}

NormWeights take_norm(Arena& arena, const Shape& shape, bool is_there = true) {
  NormWeights norm{};
  if (!is_there) return norm;
  const auto n = static_cast<std::uint64_t>(shape.hidden_stride);
  norm.weight = arena.take<float>(n);
  if (shape.norm == IB_NORM_LAYER) norm.bias = arena.take<float>(n);
  return norm;
}

LayerWeights take_layer(Arena& arena, const ib_model_desc& desc, const Shape& shape, const Products& products) {
  LayerWeights layer{};
  layer.attn_norm = take_norm(arena, shape);
  const bool has_layer_norm = shape.norm == IB_NORM_LAYER;
  layer.qkv = take_matrix(arena, products.qkv, desc.qkv_bias != 0, has_layer_norm);
  if (shape.qk_norm != 0) {
    layer.q_norm = arena.take<float>(static_cast<std::uint64_t>(shape.head_stride));
    layer.k_norm = arena.take<float>(static_cast<std::uint64_t>(shape.head_stride));
  }
  layer.out = take_matrix(arena, products.out, desc.attn_out_bias != 0);
  layer.attn_post_norm = take_norm(arena, shape, shape.post_norm != 0);
  layer.mlp_norm = take_norm(arena, shape);
  layer.up = take_matrix(arena, products.up, desc.mlp_bias != 0, has_layer_norm);
  layer.down = take_matrix(arena, products.down, desc.mlp_bias != 0);
  layer.mlp_post_norm = take_norm(arena, shape, shape.post_norm != 0);
  return layer;
}

MatrixShape matrix_shape(Format format, std::int32_t rows, std::int32_t inputs) {
  return {rows, inputs, static_cast<std::int32_t>(padded_inputs(format, inputs)),
          static_cast<std::int32_t>(round_up(rows, kTileRows) / kTileRows), format};
}

std::int32_t stride_of(std::int32_t values) {
  return static_cast<std::int32_t>(round_up(values, kRowValues));
}

}  // namespace

Shape shape_of(const ib_model_desc& desc) {
  if (desc.norm != IB_NORM_LAYER && desc.norm != IB_NORM_RMS) {
    throw Failure(IB_UNSUPPORTED, "unknown norm " + std::to_string(desc.norm));
  }
  if (decoder::activation_feature(desc.activation) == 0) {
    throw Failure(IB_UNSUPPORTED, "unknown activation " + std::to_string(desc.activation));
  }
  if (desc.head_dim > kMostHeadDim) {
    throw Failure(IB_UNSUPPORTED, "heads of " + std::to_string(desc.head_dim) + " values; at most " +
                                      std::to_string(kMostHeadDim) + " are supported");
  }
  Shape shape{};
  shape.n_layers = desc.n_layers;
  shape.n_heads = desc.n_heads;
  shape.n_kv_heads = desc.n_kv_heads;
  shape.head_dim = desc.head_dim;
  shape.head_stride = static_cast<std::int32_t>(round_up(desc.head_dim, 8));
  shape.hidden = desc.hidden_size;
  shape.hidden_stride = stride_of(shape.hidden);
  shape.query_stride = stride_of(shape.query_size());
  shape.mlp_stride = stride_of(desc.intermediate_size);
  shape.qkv_stride = stride_of(shape.qkv_size());
  shape.intermediate = desc.intermediate_size;
  shape.vocab = desc.vocab_size;
  shape.norm = desc.norm;
  shape.activation = desc.activation;
  shape.learned_positions = desc.learned_positions;
  shape.qk_norm = desc.qk_norm;
  shape.post_norm = desc.post_norm;
  shape.gated = desc.gated;
  shape.epsilon = static_cast<float>(desc.norm_epsilon);
  shape.embedding_scale = static_cast<float>(desc.embedding_scale);
  shape.attention_cap = static_cast<float>(desc.attention_soft_cap);
  shape.logit_cap = static_cast<float>(desc.logit_soft_cap);
  return shape;
}

Format format_of(std::string_view precision) {
  if (precision == "bf16") return Format::kBf16;
  if (precision == "fp16") return Format::kF16;
  if (precision == "fp32") return Format::kF32;
  if (precision == "int8") return Format::kInt8;
  if (precision == "int4") return Format::kInt4;
  throw Failure(IB_UNSUPPORTED, "unknown precision '" + std::string(precision) + "'");
}

Format values_of(Format format) {
  return is_quantized(format) ? Format::kBf16 : format;
}

Format head_format_of(Format format) {
  return is_quantized(format) ? Format::kInt8 : format;
}

Products products_of(const Shape& shape, Format format) {
  return {matrix_shape(format, shape.qkv_size(), shape.hidden), matrix_shape(format, shape.hidden, shape.query_size()),
          matrix_shape(format, shape.up_rows(), shape.hidden), matrix_shape(format, shape.hidden, shape.intermediate),
          matrix_shape(head_format_of(format), shape.vocab, shape.hidden)};
}

CacheBytes cache_bytes(const Shape& shape, Format format, std::int64_t positions) {
  const auto heads = static_cast<std::uint64_t>(positions * 2 * shape.n_layers * shape.n_kv_heads);
  const auto stride = static_cast<std::uint64_t>(shape.head_stride);
  if (format == Format::kInt8) return {heads * stride, heads * sizeof(float)};
  return {heads * stride * static_cast<std::uint64_t>(value_bytes(format)), 0};
}

ModelLayout lay_out(const ib_model_desc& desc, Format format, Arena& arena) {
  ModelLayout layout;
  ModelData& data = layout.data;
  data.shape = shape_of(desc);
  data.format = format;
  data.values = values_of(format);
  data.products = products_of(data.shape, format);
  data.n_rotary_tables = desc.n_rotary_tables;
  data.embedding_stride = static_cast<std::int32_t>(padded_inputs(data.values, data.shape.hidden));
  const auto embedding = [&](std::int32_t rows) {
    return arena.take<std::byte>(static_cast<std::uint64_t>(matrix_bytes(data.values, rows, data.shape.hidden)));
  };
  data.token_embedding = embedding(desc.vocab_size);
  if (desc.learned_positions != 0) data.position_embedding = embedding(desc.max_positions);
  data.layers = arena.take<LayerWeights>(static_cast<std::uint64_t>(desc.n_layers));
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    LayerWeights& layer = layout.layers.emplace_back(take_layer(arena, desc, data.shape, data.products));
    layer.attention_scale = static_cast<float>(desc.layers[i].attention_scale);
    layer.window = desc.layers[i].window;
    if (layer.window > 0) data.shape.has_windows = 1;
    layer.rotary_table = desc.layers[i].rotary_table;
    if (layer.rotary_table >= 0) data.shape.has_rotary = 1;
  }
  data.final_norm = take_norm(arena, data.shape);
  const bool is_shared = desc.tied_head != 0 && !is_quantized(format);
  data.head =
      is_shared ? Matrix{data.token_embedding, nullptr, nullptr} : take_matrix(arena, data.products.head, false);
  if (data.shape.norm == IB_NORM_LAYER) {
    data.head.folded = take_pairs(arena, data.products.head.row_tiles * kTileRows);
  }
  return layout;
}

std::uint64_t step_bytes(const ib_model_desc& desc, const ModelData& data) {
  Arena layers;
  for (std::int32_t i = 0; i < desc.n_layers; ++i) take_layer(layers, desc, data.shape, data.products);
  take_norm(layers, data.shape);
  const MatrixShape& head = data.products.head;
  if (data.head.folded != nullptr) take_pairs(layers, head.row_tiles * kTileRows);
  const std::uint64_t n_embeddings = desc.learned_positions != 0 ? 2 : 1;
  return layers.used() + static_cast<std::uint64_t>(matrix_bytes(head.format, head.rows, head.inputs)) +
         n_embeddings * static_cast<std::uint64_t>(data.shape.hidden * value_bytes(data.values));
}

}  // namespace inferbench::cuda_backend
