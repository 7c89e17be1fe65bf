// SPDX-License-Identifier: Apache-2.0
#include "attention.hpp"

#include <algorithm>
#include <limits>
#include <new>

#include "primitives.hpp"

namespace inferbench::onednn {
namespace {

using Type = dnnl::memory::data_type;

// Key counts are padded (and masked) to multiples of this, so that decoding needs new primitives only once in
// 64 tokens.
constexpr std::int64_t kKeyStep = 64;

std::int64_t round_up(std::int64_t value) {
  return (value + kKeyStep - 1) / kKeyStep * kKeyStep;
}

std::vector<float> zeros(std::initializer_list<std::int64_t> extents) {
  double n = 1;
  for (const std::int64_t extent : extents) n *= static_cast<double>(extent);
  if (n > static_cast<double>(std::vector<float>().max_size())) throw std::bad_alloc();
  return std::vector<float>(static_cast<std::size_t>(n), 0.0F);
}

// oneDNN takes no const pointer, and does not write to what it reads.
dnnl::memory view(const dnnl::engine& engine, const dnnl::memory::desc& layout, const float* data) {
  return {layout, engine, const_cast<float*>(data)};
}

}  // namespace

Attention::Attention(const dnnl::engine& engine, const AttentionShape& shape)
    : engine_(engine),
      shape_(shape),
      padded_tokens_(round_up(shape.max_tokens)),
      keys_(zeros({shape.n_slots, shape.n_layers, shape.n_heads, padded_tokens_, shape.head_width})),
      values_(keys_),
      scores_(zeros({shape.n_heads, shape.max_rows, padded_tokens_})) {}

dnnl::memory::desc Attention::query_layout(std::int64_t n) const {
  const std::int64_t width = shape_.n_heads * shape_.head_width;
  return {{shape_.n_heads, n, shape_.head_width}, Type::f32, {shape_.head_width, 3 * width, 1}};
}

dnnl::memory::desc Attention::key_layout(std::int64_t n_keys) const {  // transposed by its strides
  return {{shape_.n_heads, shape_.head_width, n_keys},
          Type::f32,
          {padded_tokens_ * shape_.head_width, 1, shape_.head_width}};
}

dnnl::memory::desc Attention::score_layout(std::int64_t n, std::int64_t n_keys) const {
  return {{shape_.n_heads, n, n_keys}, Type::f32, {n * n_keys, n_keys, 1}};
}

dnnl::memory::desc Attention::value_layout(std::int64_t n_keys) const {
  return {{shape_.n_heads, n_keys, shape_.head_width},
          Type::f32,
          {padded_tokens_ * shape_.head_width, shape_.head_width, 1}};
}

dnnl::memory::desc Attention::output_layout(std::int64_t n) const {
  const std::int64_t width = shape_.n_heads * shape_.head_width;
  return {{shape_.n_heads, n, shape_.head_width}, Type::f32, {shape_.head_width, width, 1}};
}

Attention::Steps Attention::make_steps(std::int64_t n, std::int64_t n_keys) const {
  const dnnl::memory::desc scores = score_layout(n, n_keys);
  return {make_scaled_matmul(engine_, query_layout(n), key_layout(n_keys), scores), make_softmax(engine_, scores, 2),
          make_matmul(engine_, scores, value_layout(n_keys), output_layout(n))};
}

Attention::Steps& Attention::steps(std::int64_t n, std::int64_t n_keys) {
  const auto found = steps_.find({n, n_keys});
  if (found != steps_.end()) return found->second;
  return steps_.emplace(std::pair{n, n_keys}, make_steps(n, n_keys)).first->second;
}

std::int64_t Attention::cache_offset(std::size_t layer, std::int64_t slot) const {
  const std::int64_t row = slot * shape_.n_layers + static_cast<std::int64_t>(layer);
  return row * shape_.n_heads * padded_tokens_ * shape_.head_width;
}

void Attention::append(std::size_t layer, const PassSegment& segment, const float* qkv) {
  const std::int64_t head_width = shape_.head_width;
  const std::int64_t width = shape_.n_heads * head_width;
  float* keys = keys_.data() + cache_offset(layer, segment.slot);
  float* values = values_.data() + cache_offset(layer, segment.slot);
  for (std::int64_t i = 0; i < segment.n_rows; ++i) {
    const float* row = qkv + i * 3 * width;
    for (std::int64_t head = 0; head < shape_.n_heads; ++head) {
      const std::int64_t to = (head * padded_tokens_ + segment.first_position + i) * head_width;
      std::copy_n(row + width + head * head_width, head_width, keys + to);
      std::copy_n(row + 2 * width + head * head_width, head_width, values + to);
    }
  }
}

void Attention::hide_the_future(const PassSegment& segment, std::int64_t n_keys) {
  constexpr float kHidden = std::numeric_limits<float>::lowest();
#pragma omp parallel for
  for (std::int64_t row = 0; row < shape_.n_heads * segment.n_rows; ++row) {
    float* scores = scores_.data() + row * n_keys;
    std::fill(scores + segment.first_position + row % segment.n_rows + 1, scores + n_keys, kHidden);
  }
}

void Attention::run(dnnl::stream& stream, std::size_t layer, const PassSegment& segment, float scale, const float* qkv,
                    float* out) {
  const std::int64_t width = shape_.n_heads * shape_.head_width;
  const float* rows = qkv + segment.first_row * 3 * width;
  append(layer, segment, rows);
  const std::int64_t n_keys = round_up(segment.first_position + segment.n_rows);
  Steps& steps = this->steps(segment.n_rows, n_keys);
  const dnnl::memory scores = view(engine_, score_layout(segment.n_rows, n_keys), scores_.data());
  const std::int64_t cache = cache_offset(layer, segment.slot);
  const dnnl::memory factor({{1}, Type::f32, {1}}, engine_, &scale);
  steps.score.execute(stream, {{DNNL_ARG_SRC, view(engine_, query_layout(segment.n_rows), rows)},
                               {DNNL_ARG_WEIGHTS, view(engine_, key_layout(n_keys), keys_.data() + cache)},
                               {DNNL_ARG_DST, scores},
                               {scale_argument(), factor}});
  stream.wait();
  hide_the_future(segment, n_keys);
  steps.softmax.execute(stream, {{DNNL_ARG_SRC, scores}, {DNNL_ARG_DST, scores}});
  steps.sum.execute(stream,
                    {{DNNL_ARG_SRC, scores},
                     {DNNL_ARG_WEIGHTS, view(engine_, value_layout(n_keys), values_.data() + cache)},
                     {DNNL_ARG_DST, view(engine_, output_layout(segment.n_rows), out + segment.first_row * width)}});
  stream.wait();
}

}  // namespace inferbench::onednn
