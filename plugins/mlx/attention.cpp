// SPDX-License-Identifier: Apache-2.0
#include "attention.hpp"

#include <mlx/fast.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <limits>
#include <string>

namespace inferbench::mlx_backend {
namespace {

// The rows of a segment, of x [rows, heads, head_dim]: [1, heads, n, head_dim].
mx::array by_heads(const mx::array& x, const PassSegment& segment) {
  const mx::array rows =
      mx::slice(x, {segment.first_row, 0, 0}, {segment.first_row + segment.n_rows, x.shape(1), x.shape(2)});
  return mx::expand_dims(mx::transpose(rows, {1, 0, 2}), 0);
}

// cache [1, heads, positions, head_dim]
mx::array positions_of(const mx::array& cache, const KeyRange& range) {
  const int begin = extent(range.begin);
  return mx::slice(cache, {0, 0, begin, 0}, {1, cache.shape(1), begin + extent(range.n), cache.shape(3)});
}

void store(mx::array& cache, const mx::array& rows, std::int32_t position) {
  cache = mx::slice_update(cache, rows, mx::Shape{0, 0, position, 0},
                           mx::Shape{1, cache.shape(1), position + rows.shape(2), cache.shape(3)});
}

}  // namespace

std::int32_t segment_rows(const ib_model_desc& desc, std::int64_t max_tokens) {
  return segment_rows_of_scores(desc.n_heads * max_tokens);
}

const mx::array& Segment::mask(std::int64_t window) {
  const auto found = masks_.find(window);
  if (found != masks_.end()) return found->second;
  const KeyRange seen = seen_keys(*this, window);
  const mx::array rows = mx::expand_dims(mx::arange(first_position, first_position + n_rows), 1);
  const mx::array keys = mx::expand_dims(mx::arange(extent(seen.begin), extent(seen.begin + seen.n)), 0);
  mx::array mask = mx::greater_equal(rows, keys);
  if (window > 0) {
    const mx::array first = mx::subtract(rows, mx::array(extent(window)));
    mask = mx::logical_and(mask, mx::greater(keys, first));
  }
  return masks_.emplace(window, std::move(mask)).first->second;
}

Attention::Attention(const ib_model_desc& desc, std::int32_t n_slots, std::int32_t max_tokens, mx::Dtype dtype)
    : n_slots_(n_slots), soft_cap_(static_cast<float>(desc.attention_soft_cap)) {
  const mx::Shape shape = {1, desc.n_kv_heads, max_tokens, desc.head_dim};
  for (std::int32_t i = 0; i < desc.n_layers * n_slots; ++i) {
    for (std::vector<mx::array>* cache : {&keys_, &values_}) {
      cache->push_back(mx::zeros(shape, dtype));
      mx::eval(cache->back());
    }
  }
}

std::uint64_t Attention::kv_bytes() const {
  return keys_.empty() ? 0 : 2 * keys_.size() * keys_.front().nbytes();
}

std::size_t Attention::index(std::int32_t layer, std::int32_t slot) const {
  return static_cast<std::size_t>(layer) * static_cast<std::size_t>(n_slots_) + static_cast<std::size_t>(slot);
}

void Attention::append(std::int32_t layer, const PassSegment& segment, const mx::array& keys, const mx::array& values) {
  const std::size_t i = index(layer, segment.slot);
  store(keys_[i], by_heads(keys, segment), segment.first_position);
  store(values_[i], by_heads(values, segment), segment.first_position);
}

// queries [1, n_heads, n, head_dim], keys and values [1, n_kv_heads, keys, head_dim] -> as queries
mx::array Attention::capped(const mx::array& queries, const mx::array& keys, const mx::array& values, float scale,
                            const MaybeArray& mask) const {
  const int n_kv_heads = keys.shape(1);
  const int group = queries.shape(1) / n_kv_heads;
  const mx::array scaled = mx::multiply(queries, mx::array(scale, queries.dtype()));
  const mx::array q = mx::reshape(scaled, {1, n_kv_heads, group, queries.shape(2), queries.shape(3)});
  mx::array scores = mx::matmul(q, mx::swapaxes(mx::expand_dims(keys, 2), -1, -2));
  const mx::array cap(soft_cap_, scores.dtype());
  scores = mx::multiply(mx::tanh(mx::divide(scores, cap)), cap);
  if (mask) {
    const mx::array hidden(-std::numeric_limits<float>::infinity(), scores.dtype());
    scores = mx::where(*mask, scores, hidden);
  }
  const mx::array weights = mx::softmax(scores, std::vector<int>{-1}, true);
  return mx::reshape(mx::matmul(weights, mx::expand_dims(values, 2)), queries.shape());
}

mx::array Attention::attend(std::int32_t layer, const ib_layer_desc& desc, Segment& segment,
                            const mx::array& queries) const {
  const std::size_t i = index(layer, segment.slot);
  const KeyRange seen = seen_keys(segment, desc.window);
  const mx::array keys = positions_of(keys_[i], seen);
  const mx::array values = positions_of(values_[i], seen);
  const auto scale = static_cast<float>(desc.attention_scale);
  const bool sees_all = segment.n_rows == 1;  // all that seen_keys has
  if (soft_cap_ != 0) {
    return capped(queries, keys, values, scale, sees_all ? MaybeArray() : MaybeArray(segment.mask(desc.window)));
  }
  if (sees_all) return mx::fast::scaled_dot_product_attention(queries, keys, values, scale);
  if (desc.window == 0 || seen.n <= desc.window) {
    return mx::fast::scaled_dot_product_attention(queries, keys, values, scale, "causal");
  }
  return mx::fast::scaled_dot_product_attention(queries, keys, values, scale, "array", {segment.mask(desc.window)});
}

mx::array Attention::run(std::int32_t layer, const ib_layer_desc& desc, std::vector<Segment>& segments,
                         const Heads& heads) {
  for (const Segment& segment : segments) append(layer, segment, heads.keys, heads.values);
  std::vector<mx::array> parts;
  for (Segment& segment : segments) {
    const mx::array out = attend(layer, desc, segment, by_heads(heads.queries, segment));
    const int columns = out.shape(1) * out.shape(3);
    parts.push_back(mx::reshape(mx::transpose(mx::squeeze(out, 0), {1, 0, 2}), {segment.n_rows, columns}));
  }
  return parts.size() == 1 ? parts.front() : mx::concatenate(parts, 0);
}

}  // namespace inferbench::mlx_backend
