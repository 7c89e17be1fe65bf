// SPDX-License-Identifier: Apache-2.0
#include "attention.hpp"

#include <algorithm>
#include <limits>
#include <new>

#include "inferbench/attention_rows.hpp"
#include "primitives.hpp"

namespace inferbench::onednn {
namespace {

using Type = dnnl::memory::data_type;

// Key counts are padded (and masked) to multiples of this, so that decoding needs new primitives only once in
// 64 tokens.
constexpr std::int64_t kKeyStep = 64;

// Below this many heads, one thread is done before others wake up.
constexpr std::int64_t kCopiesForThreads = 256;

std::int64_t round_up(std::int64_t value) {
  return (value + kKeyStep - 1) / kKeyStep * kKeyStep;
}

std::vector<float> zeros(std::initializer_list<std::int64_t> extents) {
  double n = 1;
  for (const std::int64_t extent : extents) n *= static_cast<double>(extent);
  if (n > static_cast<double>(std::vector<float>().max_size())) throw std::bad_alloc();
  return std::vector<float>(static_cast<std::size_t>(n), 0.0F);
}

}  // namespace

std::int32_t segment_rows(const ib_model_desc& desc, std::int64_t max_tokens) {
  return segment_rows_of_scores(desc.n_heads * round_up(max_tokens));
}

Attention::Attention(const dnnl::engine& engine, const AttentionShape& shape)
    : engine_(engine),
      shape_(shape),
      padded_tokens_(round_up(shape.max_tokens)),
      keys_(zeros({shape.n_slots, shape.n_layers, shape.n_kv_heads, padded_tokens_, shape.head_dim})),
      values_(keys_),
      scores_(zeros({shape.n_heads, shape.max_rows, padded_tokens_})),
      heads_(zeros({shape.n_heads, shape.max_rows, shape.head_dim})) {}

dnnl::memory::desc Attention::head_layout(std::int64_t rows) const {
  return {{shape_.n_kv_heads, rows, shape_.head_dim}, Type::f32, {rows * shape_.head_dim, shape_.head_dim, 1}};
}

dnnl::memory::desc Attention::key_layout(std::int64_t n_keys) const {  // transposed by its strides
  return {
      {shape_.n_kv_heads, shape_.head_dim, n_keys}, Type::f32, {padded_tokens_ * shape_.head_dim, 1, shape_.head_dim}};
}

dnnl::memory::desc Attention::score_layout(std::int64_t rows, std::int64_t n_keys) const {
  return {{shape_.n_kv_heads, rows, n_keys}, Type::f32, {rows * n_keys, n_keys, 1}};
}

dnnl::memory::desc Attention::value_layout(std::int64_t n_keys) const {
  return {
      {shape_.n_kv_heads, n_keys, shape_.head_dim}, Type::f32, {padded_tokens_ * shape_.head_dim, shape_.head_dim, 1}};
}

Attention::Steps Attention::make_steps(std::int64_t rows, std::int64_t n_keys) const {
  const dnnl::memory::desc scores = score_layout(rows, n_keys);
  return {make_matmul(engine_, head_layout(rows), key_layout(n_keys), scores), make_softmax(engine_, scores, 2),
          make_matmul(engine_, scores, value_layout(n_keys), head_layout(rows))};
}

Attention::Steps& Attention::steps(std::int64_t rows, std::int64_t n_keys) {
  const auto found = steps_.find({rows, n_keys});
  if (found != steps_.end()) return found->second;
  return steps_.emplace(std::pair{rows, n_keys}, make_steps(rows, n_keys)).first->second;
}

std::int64_t Attention::cache_offset(std::size_t layer, std::int64_t slot) const {
  const std::int64_t row = slot * shape_.n_layers + static_cast<std::int64_t>(layer);
  return row * shape_.n_kv_heads * padded_tokens_ * shape_.head_dim;
}

void Attention::append(std::size_t layer, const PassSegment& segment, const Heads& heads) {
  const std::int64_t head_dim = shape_.head_dim;
  float* keys = keys_.data() + cache_offset(layer, segment.slot);
  float* values = values_.data() + cache_offset(layer, segment.slot);
  const std::int64_t n_heads = shape_.n_kv_heads;
#pragma omp parallel for if (segment.n_rows * n_heads >= kCopiesForThreads)
  for (std::int64_t item = 0; item < segment.n_rows * n_heads; ++item) {
    const std::int64_t row = item / n_heads;
    const std::int64_t head = item % n_heads;
    const std::int64_t from = (segment.first_row + row) * heads.stride + head * head_dim;
    const std::int64_t to = (head * padded_tokens_ + segment.first_position + row) * head_dim;
    std::copy_n(heads.keys + from, head_dim, keys + to);
    std::copy_n(heads.values + from, head_dim, values + to);
  }
}

void Attention::gather_queries(const PassSegment& segment, const Heads& heads, float scale) {
  const std::int64_t head_dim = shape_.head_dim;
  const std::int64_t items = shape_.n_heads * segment.n_rows;
#pragma omp parallel for if (items >= kCopiesForThreads)
  for (std::int64_t item = 0; item < items; ++item) {
    const std::int64_t row = segment.first_row + item % segment.n_rows;
    const float* from = heads.queries + row * heads.stride + item / segment.n_rows * head_dim;
    float* to = heads_.data() + item * head_dim;
    for (std::int64_t i = 0; i < head_dim; ++i) to[i] = scale * from[i];
  }
}

void Attention::scatter_output(const PassSegment& segment, float* out) const {
  const std::int64_t head_dim = shape_.head_dim;
  const std::int64_t items = shape_.n_heads * segment.n_rows;
#pragma omp parallel for if (items >= kCopiesForThreads)
  for (std::int64_t item = 0; item < items; ++item) {
    const std::int64_t row = segment.first_row + item % segment.n_rows;
    const std::int64_t to = (row * shape_.n_heads + item / segment.n_rows) * head_dim;
    std::copy_n(heads_.data() + item * head_dim, head_dim, out + to);
  }
}

// A row sees its own position and those before it that are inside the window.
void Attention::hide_unseen(const PassSegment& segment, std::int64_t window, const Range& keys) {
  constexpr float kHidden = std::numeric_limits<float>::lowest();
#pragma omp parallel for
  for (std::int64_t item = 0; item < shape_.n_heads * segment.n_rows; ++item) {
    float* scores = scores_.data() + item * keys.n;
    const std::int64_t end = segment.first_position + item % segment.n_rows + 1 - keys.begin;
    if (window > 0 && end > window) std::fill(scores, scores + end - window, kHidden);
    std::fill(scores + end, scores + keys.n, kHidden);
  }
}

void Attention::run(dnnl::stream& stream, std::size_t layer, const ib_layer_desc& desc, const PassSegment& segment,
                    const Heads& heads, float* out) {
  append(layer, segment, heads);
  gather_queries(segment, heads, static_cast<float>(desc.attention_scale));
  // Rounded down, so that the padded end stays inside the cache.
  const std::int64_t first = desc.window > 0 ? std::max(segment.first_position + 1 - desc.window, 0) : 0;
  const std::int64_t begin = first / kKeyStep * kKeyStep;
  const Range keys{begin, round_up(segment.first_position + segment.n_rows) - begin};
  const std::int64_t rows = shape_.n_heads / shape_.n_kv_heads * segment.n_rows;
  Steps& steps = this->steps(rows, keys.n);
  const dnnl::memory scores(score_layout(rows, keys.n), engine_, scores_.data());
  const dnnl::memory queries(head_layout(rows), engine_, heads_.data());
  const std::int64_t cache = cache_offset(layer, segment.slot) + begin * shape_.head_dim;
  steps.score.execute(stream, {{DNNL_ARG_SRC, queries},
                               {DNNL_ARG_WEIGHTS, input_memory(engine_, key_layout(keys.n), keys_.data() + cache)},
                               {DNNL_ARG_DST, scores}});
  stream.wait();
  hide_unseen(segment, desc.window, keys);
  steps.softmax.execute(stream, {{DNNL_ARG_SRC, scores}, {DNNL_ARG_DST, scores}});
  steps.sum.execute(stream, {{DNNL_ARG_SRC, scores},
                             {DNNL_ARG_WEIGHTS, input_memory(engine_, value_layout(keys.n), values_.data() + cache)},
                             {DNNL_ARG_DST, queries}});
  stream.wait();
  scatter_output(segment, out);
}

}  // namespace inferbench::onednn
