// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <new>

namespace inferbench::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

// Tokens that one pass through the layers takes; longer calls make several, which bounds the work space.
constexpr std::int64_t kPassRows = 512;

Then after_c_fc(std::int32_t activation) {
  if (activation == IB_ACTIVATION_GELU_TANH) return Then::kGeluTanh;
  return activation == IB_ACTIVATION_GELU_ERF ? Then::kGeluErf : Then::kRelu;
}

std::vector<float> rows_of(std::int64_t rows, std::int64_t columns) {
  return std::vector<float>(static_cast<std::size_t>(rows * columns));
}

}  // namespace

Session::Session(Model& model, const ib_session_params& params)
    : model_(model),
      limits_(checked_session_limits(params, static_cast<std::int32_t>(model.n_positions),
                                     static_cast<std::int32_t>(model.vocab))),
      held_(static_cast<std::size_t>(limits_.n_slots), 0),
      max_rows_(std::min<std::int64_t>(kPassRows, limits_.max_forward_tokens)),
      attention_(model.context.engine,
                 {static_cast<std::int64_t>(model.layers.size()), model.n_heads, model.width / model.n_heads,
                  limits_.n_slots, limits_.max_tokens, std::min<std::int64_t>(max_rows_, limits_.max_tokens)}),
      products_(model.context.engine, model.precision, max_rows_, std::max(model.inner, model.width),
                std::max({model.inner, 3 * model.width, model.vocab})),
      x_(rows_of(max_rows_, model.width)),
      normed_(x_),
      qkv_(rows_of(max_rows_, 3 * model.width)),
      hidden_(rows_of(max_rows_, model.inner)),
      logits_(rows_of(std::min<std::int64_t>(max_rows_, limits_.n_slots), model.vocab)) {
  info_.struct_size = sizeof info_;
  info_.kv_bytes = attention_.kv_bytes();
  info_.scratch_bytes = attention_.scratch_bytes() + products_.scratch_bytes() +
                        (x_.size() + normed_.size() + qkv_.size() + hidden_.size() + logits_.size()) * sizeof(float);
  info_.peak_bytes = model.info().weights_bytes + info_.kv_bytes + info_.scratch_bytes;
}

void Session::forward(const ib_forward_params& params) {
  check_forward(params, limits_, held_);
  model_.context.use_threads();
  sequence_ = token_ = n_rows_ = rows_before_ = endings_before_ = 0;
  endings_.clear();
  while (next_pass(params)) {
    run_pass();
    write_output(params);
  }
  // Only now: after a cancelled call each slot holds what it held before.
  for (std::int32_t s = 0; s < params.n_sequences; ++s) {
    held_[static_cast<std::size_t>(params.sequences[s].slot)] += params.sequences[s].n_tokens;
  }
}

void Session::truncate(std::int32_t slot, std::int32_t n_past) {
  check_truncate(slot, n_past, held_);
  held_[static_cast<std::size_t>(slot)] = n_past;
}

bool Session::next_pass(const ib_forward_params& params) {
  rows_before_ += n_rows_;
  endings_before_ += static_cast<std::int64_t>(endings_.size());
  n_rows_ = 0;
  segments_.clear();
  endings_.clear();
  while (sequence_ < params.n_sequences && n_rows_ < max_rows_) {
    const ib_sequence& sequence = params.sequences[sequence_];
    const std::int64_t n = std::min(sequence.n_tokens - token_, max_rows_ - n_rows_);
    const std::int64_t past = held_[static_cast<std::size_t>(sequence.slot)] + token_;
    segments_.push_back({n_rows_, n, sequence.slot, past, sequence.tokens + token_});
    n_rows_ += n;
    token_ += n;
    if (token_ < sequence.n_tokens) continue;
    endings_.push_back(n_rows_ - 1);
    token_ = 0;
    ++sequence_;
  }
  return n_rows_ > 0;
}

void Session::run_pass() {
  const std::int64_t width = model_.width;
  dnnl::stream& stream = model_.context.stream;
  for (const Segment& segment : segments_) {
    for (std::int64_t i = 0; i < segment.n; ++i) {
      const float* token = model_.wte.data() + segment.tokens[i] * width;
      const float* position = model_.wpe.data() + (segment.past + i) * width;
      float* x = x_.data() + (segment.row + i) * width;
      for (std::int64_t c = 0; c < width; ++c) x[c] = token[c] + position[c];
    }
  }
  for (std::size_t i = 0; i < model_.layers.size(); ++i) {
    model_.context.host.throw_if_cancelled();
    const Layer& layer = model_.layers[i];
    layer_norm(layer.ln_1, x_.data(), n_rows_, normed_.data());
    products_.run(stream, layer.c_attn, normed_.data(), n_rows_, qkv_.data(), Then::kStore);
    for (const Segment& segment : segments_) {
      attention_.run(stream, i, segment, model_.attention_scale(i), qkv_.data(), normed_.data());
    }
    products_.run(stream, layer.attn_c_proj, normed_.data(), n_rows_, x_.data(), Then::kAddTo);
    layer_norm(layer.ln_2, x_.data(), n_rows_, normed_.data());
    products_.run(stream, layer.c_fc, normed_.data(), n_rows_, hidden_.data(), after_c_fc(model_.activation));
    products_.run(stream, layer.mlp_c_proj, hidden_.data(), n_rows_, x_.data(), Then::kAddTo);
  }
}

void Session::write_output(const ib_forward_params& params) {
  dnnl::stream& stream = model_.context.stream;
  if (params.output == IB_OUTPUT_ALL_LOGITS) {
    layer_norm(model_.ln_f, x_.data(), n_rows_, normed_.data());
    products_.run(stream, model_.head, normed_.data(), n_rows_, params.logits + rows_before_ * model_.vocab,
                  Then::kStore);
    return;
  }
  const auto n = static_cast<std::int64_t>(endings_.size());
  if (params.output == IB_OUTPUT_NONE || n == 0) return;
  // The rows that end a sequence, side by side: qkv_ is free by now.
  for (std::int64_t j = 0; j < n; ++j) {
    const float* x = x_.data() + endings_[static_cast<std::size_t>(j)] * model_.width;
    std::copy_n(x, model_.width, qkv_.data() + j * model_.width);
  }
  layer_norm(model_.ln_f, qkv_.data(), n, normed_.data());
  if (params.output == IB_OUTPUT_LAST_LOGITS) {
    products_.run(stream, model_.head, normed_.data(), n, params.logits + endings_before_ * model_.vocab, Then::kStore);
    return;
  }
  products_.run(stream, model_.head, normed_.data(), n, logits_.data(), Then::kStore);
  for (std::int64_t j = 0; j < n; ++j) {
    const float* logits = logits_.data() + j * model_.vocab;
    // The first of equal ones: the lowest id, as the header asks.
    params.ids[endings_before_ + j] =
        static_cast<std::int32_t>(std::max_element(logits, logits + model_.vocab) - logits);
  }
}

void Session::layer_norm(const LayerNorm& norm, const float* x, std::int64_t rows, float* y) {
  const dnnl::engine& engine = model_.context.engine;
  const dnnl::memory::desc layout({rows, model_.width}, Type::f32, Tag::ab);
  auto found = norms_.find(rows);
  if (found == norms_.end()) {
    using Flags = dnnl::normalization_flags;
    const dnnl::layer_normalization_forward::desc desc(dnnl::prop_kind::forward_inference, layout, model_.epsilon,
                                                       Flags::use_scale | Flags::use_shift);
    found = norms_.emplace(rows, dnnl::layer_normalization_forward({desc, engine})).first;
  }
  // oneDNN takes no const pointer, and does not write to what it reads.
  const auto view = [&](const dnnl::memory::desc& desc, const float* data) {
    return dnnl::memory(desc, engine, const_cast<float*>(data));
  };
  const dnnl::memory::desc vector({model_.width}, Type::f32, Tag::a);
  dnnl::stream& stream = model_.context.stream;
  found->second.execute(stream, {{DNNL_ARG_SRC, view(layout, x)},
                                 {DNNL_ARG_DST, view(layout, y)},
                                 {DNNL_ARG_SCALE, view(vector, norm.weight.data())},
                                 {DNNL_ARG_SHIFT, view(vector, norm.bias.data())}});
  stream.wait();
}

}  // namespace inferbench::onednn
