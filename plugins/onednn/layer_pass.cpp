// SPDX-License-Identifier: Apache-2.0
#include "layer_pass.hpp"

#include <algorithm>

#include "inferbench/decoder.hpp"
#include "primitives.hpp"

namespace inferbench::onednn {
namespace {

std::vector<float> rows_of(std::int64_t rows, std::int64_t columns) {
  return std::vector<float>(static_cast<std::size_t>(rows * columns));
}

std::int64_t qkv_size(const ib_model_desc& desc) {
  return decoder::query_size(desc) + 2 * decoder::kv_size(desc);
}

std::int64_t max_inputs(const ib_model_desc& desc) {
  return std::max<std::int64_t>({desc.hidden_size, desc.intermediate_size, decoder::query_size(desc)});
}

std::int64_t max_outputs(const ib_model_desc& desc) {
  return std::max<std::int64_t>({desc.hidden_size, desc.intermediate_size, qkv_size(desc)});
}

}  // namespace

LayerPass::LayerPass(Context& context, Precision precision, const ib_model_desc& desc, const RotaryTables& tables,
                     const PassSizes& sizes)
    : attention(context.engine, {sizes.n_cached_layers, desc.n_heads, desc.n_kv_heads, desc.head_dim, sizes.n_slots,
                                 sizes.max_tokens, sizes.segment_rows}),
      rotary(tables, sizes.max_rows),
      x(rows_of(sizes.max_rows, desc.hidden_size)),
      normed(x),
      context_(context),
      desc_(desc),
      norms_(context.engine, desc.norm, desc.hidden_size, static_cast<float>(desc.norm_epsilon)),
      products_(context.engine, precision, sizes.max_rows, sizes.max_rows * max_inputs(desc),
                std::max(sizes.max_rows * max_outputs(desc), sizes.max_output)),
      activation_(activation_step(desc.activation)),
      qkv_(rows_of(sizes.max_rows, qkv_size(desc))),
      attended_(rows_of(sizes.max_rows, decoder::query_size(desc))),
      gate_(rows_of(desc.gated != 0 ? sizes.max_rows : 0, desc.intermediate_size)),
      up_(rows_of(sizes.max_rows, desc.intermediate_size)) {}

std::uint64_t LayerPass::scratch_bytes() const {
  const std::size_t rows = x.size() + normed.size() + qkv_.size() + attended_.size() + gate_.size() + up_.size();
  return attention.scratch_bytes() + rotary.scratch_bytes() + products_.scratch_bytes() + rows * sizeof(float);
}

void LayerPass::run(const Layer& layer, std::size_t index, std::span<const PassSegment> segments, std::int64_t rows) {
  norm(layer.attn_norm, x.data(), rows, normed.data());
  product(layer.attn_qkv, normed.data(), rows, qkv_.data(), Then::kStore);
  attend(layer, index, segments, qkv_.data(), rows, attended_.data());
  product(layer.attn_out, attended_.data(), rows, x.data(), Then::kAddTo);
  norm(layer.mlp_norm, x.data(), rows, normed.data());
  mlp(layer, normed.data(), rows, x.data(), Then::kAddTo);
}

void LayerPass::attend(const Layer& layer, std::size_t index, std::span<const PassSegment> segments,
                       const float* projected, std::int64_t rows, float* to) {
  const std::int64_t stride = qkv_size(desc_);
  const std::int64_t query_size = decoder::query_size(desc_);
  const float* heads = projected;  // queries and keys; values stay where they are
  if (!layer.q_norm.empty()) {
    norms_.run_heads(layer.q_norm, heads, rows, desc_.n_heads, stride, qkv_.data());
    norms_.run_heads(layer.k_norm, heads + query_size, rows, desc_.n_kv_heads, stride, qkv_.data() + query_size);
    heads = qkv_.data();
  }
  if (layer.desc.rotary_table >= 0) {
    rotary.run(layer.desc.rotary_table, heads, rows, std::int64_t{desc_.n_heads} + desc_.n_kv_heads, stride,
               qkv_.data());
    heads = qkv_.data();
  }
  const Heads all{heads, heads + query_size, projected + query_size + decoder::kv_size(desc_), stride};
  for (const PassSegment& segment : segments) attention.run(context_.stream, index, layer.desc, segment, all, to);
}

// Both steps of the gate are post-operations: its activation, and the multiplication of the up projection by it.
void LayerPass::mlp(const Layer& layer, const float* from, std::int64_t rows, float* to, Then then) {
  if (desc_.gated != 0) {
    product(layer.mlp_gate, from, rows, gate_.data(), activation_);
    products_.run(context_.stream, layer.mlp_up, from, rows, up_.data(), Then::kTimes, gate_.data());
  } else {
    product(layer.mlp_up, from, rows, up_.data(), activation_);
  }
  product(layer.mlp_down, up_.data(), rows, to, then);
}

void LayerPass::norm(const Norm& norm, const float* from, std::int64_t rows, float* to) {
  norms_.run(context_.stream, norm, from, rows, to);
}

void LayerPass::product(const Linear& linear, const float* from, std::int64_t rows, float* to, Then then) {
  products_.run(context_.stream, linear, from, rows, to, then);
}

void LayerPass::activate(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
  products_.activate(context_.stream, rows, columns, from, to, activation_);
}

void LayerPass::softmax(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
  const dnnl::engine& engine = context_.engine;
  const dnnl::memory::desc layout({rows, columns}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::ab);
  auto found = softmaxes_.find(rows);
  if (found == softmaxes_.end()) {
    found = softmaxes_.emplace(rows, make_softmax(engine, layout, 1)).first;
  }
  found->second.execute(context_.stream,
                        {{DNNL_ARG_SRC, input_memory(engine, layout, from)}, {DNNL_ARG_DST, {layout, engine, to}}});
  context_.stream.wait();
}

}  // namespace inferbench::onednn
