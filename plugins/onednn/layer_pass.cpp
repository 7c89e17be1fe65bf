// SPDX-License-Identifier: Apache-2.0
#include "layer_pass.hpp"

#include <algorithm>

#include "primitives.hpp"

namespace inferbench::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

Then after_c_fc(std::int32_t activation) {
  if (activation == IB_ACTIVATION_GELU_TANH) return Then::kGeluTanh;
  return activation == IB_ACTIVATION_GELU_ERF ? Then::kGeluErf : Then::kRelu;
}

std::vector<float> rows_of(std::int64_t rows, std::int64_t columns) {
  return std::vector<float>(static_cast<std::size_t>(rows * columns));
}

// oneDNN takes no const pointer, and does not write to what it reads.
dnnl::memory view(const dnnl::engine& engine, const dnnl::memory::desc& desc, const float* data) {
  return {desc, engine, const_cast<float*>(data)};
}

}  // namespace

LayerPass::LayerPass(Context& context, Precision precision, const LayerSizes& sizes,
                     const AttentionShape& attention_shape)
    : attention(context.engine, attention_shape),
      x(rows_of(sizes.max_rows, sizes.width)),
      normed(x),
      qkv(rows_of(sizes.max_rows, 3 * sizes.width)),
      hidden(rows_of(sizes.max_rows, sizes.inner)),
      context_(context),
      sizes_(sizes),
      products_(context.engine, precision, sizes.max_rows, std::max(sizes.inner, sizes.width),
                std::max({sizes.inner, 3 * sizes.width, sizes.max_outputs})) {}

std::uint64_t LayerPass::scratch_bytes() const {
  return attention.scratch_bytes() + products_.scratch_bytes() +
         (x.size() + normed.size() + qkv.size() + hidden.size()) * sizeof(float);
}

void LayerPass::run(const Layer& layer, std::size_t index, float attention_scale, std::span<const PassSegment> segments,
                    std::int64_t rows) {
  layer_norm(layer.ln_1, x.data(), rows, normed.data());
  product(layer.c_attn, normed.data(), rows, qkv.data(), Then::kStore);
  for (const PassSegment& segment : segments) {
    attention.run(context_.stream, index, segment, attention_scale, qkv.data(), normed.data());
  }
  product(layer.attn_c_proj, normed.data(), rows, x.data(), Then::kAddTo);
  layer_norm(layer.ln_2, x.data(), rows, normed.data());
  mlp(layer, normed.data(), rows, x.data(), Then::kAddTo);
}

void LayerPass::mlp(const Layer& layer, const float* from, std::int64_t rows, float* to, Then then) {
  product(layer.c_fc, from, rows, hidden.data(), after_c_fc(sizes_.activation));
  product(layer.mlp_c_proj, hidden.data(), rows, to, then);
}

void LayerPass::product(const Linear& linear, const float* from, std::int64_t rows, float* to, Then then) {
  products_.run(context_.stream, linear, from, rows, to, then);
}

void LayerPass::activate(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
  products_.activate(context_.stream, rows, columns, from, to, after_c_fc(sizes_.activation));
}

void LayerPass::layer_norm(const LayerNorm& norm, const float* from, std::int64_t rows, float* to) {
  const dnnl::engine& engine = context_.engine;
  const dnnl::memory::desc layout({rows, sizes_.width}, Type::f32, Tag::ab);
  auto found = norms_.find(rows);
  if (found == norms_.end()) {
    found = norms_.emplace(rows, make_layer_norm(engine, layout, sizes_.epsilon)).first;
  }
  const dnnl::memory::desc vector({sizes_.width}, Type::f32, Tag::a);
  found->second.execute(context_.stream, {{DNNL_ARG_SRC, view(engine, layout, from)},
                                          {DNNL_ARG_DST, view(engine, layout, to)},
                                          {DNNL_ARG_SCALE, view(engine, vector, norm.weight.data())},
                                          {DNNL_ARG_SHIFT, view(engine, vector, norm.bias.data())}});
  context_.stream.wait();
}

void LayerPass::softmax(const float* from, std::int64_t rows, std::int64_t columns, float* to) {
  const dnnl::engine& engine = context_.engine;
  const dnnl::memory::desc layout({rows, columns}, Type::f32, Tag::ab);
  auto found = softmaxes_.find(rows);
  if (found == softmaxes_.end()) {
    found = softmaxes_.emplace(rows, make_softmax(engine, layout, 1)).first;
  }
  found->second.execute(context_.stream,
                        {{DNNL_ARG_SRC, view(engine, layout, from)}, {DNNL_ARG_DST, view(engine, layout, to)}});
  context_.stream.wait();
}

}  // namespace inferbench::onednn
