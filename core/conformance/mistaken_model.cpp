// SPDX-License-Identifier: Apache-2.0
#include "conformance/mistaken_model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "reference/decoder.hpp"

namespace inferbench::conformance {

namespace {

bool is_zero(const reference::Values& values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0; });
}

void add(reference::Values& to, const reference::Values& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

// [rows, width] -> [width, rows]
reference::Values as_columns(const reference::Values& matrix, std::size_t width) {
  const std::size_t rows = matrix.size() / width;
  reference::Values columns(matrix.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t i = 0; i < width; ++i) columns[i * rows + row] = matrix[row * width + i];
  }
  return columns;
}

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

MistakenModel::MistakenModel(const ib_model_desc& desc, const std::function<void(Draft&)>& mistake) {
  draft_.desc = desc;
  for (std::uint64_t i = 0; i < desc.n_tensors; ++i)
    draft_.tensors[desc.tensors[i].name] = reference::values_of(desc.tensors[i]);
  if (mistake) mistake(draft_);
  const bool tied = draft_.desc.tied_head != 0 || draft_.formula.head_is_embedding;
  head_ = as_columns(weight(tied ? "wte.weight" : "lm_head.weight"), static_cast<std::size_t>(desc.width));
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    for (const char* part : {".attn", ".mlp"}) {
      const std::string block = "h." + std::to_string(i) + part;
      if (is_zero(weight(block + ".c_proj.weight")) && is_zero(weight(block + ".c_proj.bias"))) off_.insert(block);
    }
  }
}

MistakenSequence::MistakenSequence(const MistakenModel& model)
    : model_(model),
      width_(static_cast<std::size_t>(model.draft().desc.width)),
      caches_(static_cast<std::size_t>(model.draft().desc.n_layers)),
      rewound_(caches_.size()) {}

reference::Values MistakenSequence::embed(std::span<const std::int32_t> tokens) const {
  const Formula& formula = model_.draft().formula;
  const reference::Values& embedding = model_.weight("wte.weight");
  const reference::Values& positions = model_.weight("wpe.weight");
  reference::Values x(tokens.size() * width_);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const Place place{n_past_, static_cast<std::int32_t>(t), n_calls_, highest_};
    const std::int32_t wanted = formula.position ? formula.position(place) : n_past_ + place.index;
    const auto position = static_cast<std::size_t>(std::clamp(wanted, 0, model_.draft().desc.context - 1));
    const auto token = static_cast<std::size_t>(tokens[t]);
    for (std::size_t i = 0; i < width_; ++i) {
      // A negative position means that no position embedding is added.
      const double of_position = wanted < 0 ? 0 : positions[position * width_ + i];
      x[t * width_ + i] = formula.embedding_scale * embedding[token * width_ + i] + of_position;
    }
  }
  return x;
}

reference::Values MistakenSequence::norm(const reference::Values& x, const std::string& name) const {
  const Formula& formula = model_.draft().formula;
  const reference::Values& weight = model_.weight(name + ".weight");
  const reference::Values& bias = model_.weight(name + ".bias");
  const double epsilon = model_.draft().desc.layer_norm_epsilon;
  const auto n = static_cast<double>(width_);
  reference::Values y(x.size());
  for (std::size_t row = 0; row < x.size(); row += width_) {
    double mean = 0;
    for (std::size_t i = 0; i < width_ && formula.norm_subtracts_mean; ++i) mean += x[row + i] / n;
    double squares = 0;
    for (std::size_t i = 0; i < width_; ++i) squares += (x[row + i] - mean) * (x[row + i] - mean);
    const double variance = squares / (n - formula.lost_degrees);
    const double root = formula.epsilon_under_root ? std::sqrt(variance + epsilon) : std::sqrt(variance) + epsilon;
    for (std::size_t i = 0; i < width_; ++i) y[row + i] = (x[row + i] - mean) / root * weight[i] + bias[i];
  }
  return y;
}

reference::Values MistakenSequence::product(reference::Values x, const std::string& name) const {
  const reference::Values& bias = model_.weight(name + ".bias");
  const reference::Values& weight = model_.weight(name + ".weight");
  if (auto* const narrow = model_.draft().formula.narrow_row; narrow != nullptr) {
    const std::size_t inputs = weight.size() / bias.size();
    for (std::size_t row = 0; row < x.size(); row += inputs) narrow(std::span(x).subspan(row, inputs));
  }
  return reference::linear(x, weight, bias);
}

void MistakenSequence::store(Cache& cache, const Cache& rewound, const reference::Values& qkv, std::int32_t n) const {
  const Formula& formula = model_.draft().formula;
  for (std::int32_t t = 0; t < n; ++t) {
    const std::int32_t position = n_past_ + t + (n_past_ > 0 ? formula.cache_shift : 0);
    if (formula.stale == Stale::kNoWrite && rewound.contains(position)) {
      cache[position] = rewound.at(position);
      continue;
    }
    const auto row = qkv.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(t) * 3 * width_);
    const auto w = static_cast<std::ptrdiff_t>(width_);
    Entry entry{{row + w, row + 2 * w}, {row + 2 * w, row + 3 * w}};
    if (formula.narrow_cache != nullptr) {
      formula.narrow_cache(entry.key);
      formula.narrow_cache(entry.value);
    }
    cache[position] = std::move(entry);
  }
}

reference::Values MistakenSequence::attend(const Cache& cache, const reference::Values& qkv, std::int32_t n,
                                           double scale) const {
  const Mask mask = model_.draft().formula.mask;
  const auto heads = static_cast<std::size_t>(model_.draft().desc.n_heads);
  const std::size_t head_width = width_ / heads;
  reference::Values out(static_cast<std::size_t>(n) * width_);
  for (std::int32_t t = 0; t < n; ++t) {
    const std::int32_t self = n_past_ + t;
    const bool sees_all = mask == Mask::kNone || mask == Mask::kZeroed;
    std::int32_t end = sees_all ? n_past_ + n : self + 1;
    if (mask == Mask::kNotSelf && self > 0) end = self;
    const auto first = cache.lower_bound(mask == Mask::kOneCall ? n_past_ : 0);
    const auto last = cache.lower_bound(end);
    for (std::size_t head = 0; head < heads && first != last; ++head) {
      const double* q = qkv.data() + static_cast<std::size_t>(t) * 3 * width_ + head * head_width;
      reference::Values scores;
      for (auto seen = first; seen != last; ++seen) {
        const bool hidden = mask == Mask::kZeroed && seen->first > self;
        scores.push_back(hidden ? 0 : scale * dot(q, seen->second.key.data() + head * head_width, head_width));
      }
      const reference::Values shares = reference::softmax_rows(scores, scores.size());
      double* to = out.data() + static_cast<std::size_t>(t) * width_ + head * head_width;
      std::size_t s = 0;
      for (auto seen = first; seen != last; ++seen, ++s) {
        const double* value = seen->second.value.data() + head * head_width;
        for (std::size_t d = 0; d < head_width; ++d) to[d] += shares[s] * value[d];
      }
    }
  }
  return out;
}

reference::Values MistakenSequence::attention(std::int32_t layer, std::int32_t step, const reference::Values& x) {
  const Draft& draft = model_.draft();
  const std::string block = "h." + std::to_string(layer) + ".attn";
  const auto n = static_cast<std::int32_t>(x.size() / width_);
  const reference::Values qkv = product(norm(x, "h." + std::to_string(layer) + ".ln_1"), block + ".c_attn");
  Cache& cache = caches_[static_cast<std::size_t>(step)];
  store(cache, rewound_[static_cast<std::size_t>(step)], qkv, n);
  auto* const scale = draft.formula.attention_scale;
  return product(
      attend(cache, qkv, n, scale != nullptr ? scale(draft.desc, step) : reference::attention_scale(draft.desc, step)),
      block + ".c_proj");
}

reference::Values MistakenSequence::mlp(std::int32_t layer, const reference::Values& x) const {
  const Draft& draft = model_.draft();
  const std::string prefix = "h." + std::to_string(layer) + ".";
  reference::Values hidden = product(norm(x, prefix + "ln_2"), prefix + "mlp.c_fc");
  if (draft.formula.activation == nullptr) {
    hidden = reference::activate(std::move(hidden), draft.desc.activation);
  } else {
    for (double& value : hidden) value = draft.formula.activation(value);
  }
  return product(std::move(hidden), prefix + "mlp.c_proj");
}

reference::Values MistakenSequence::head(reference::Values x) const {
  const Draft& draft = model_.draft();
  if (draft.formula.final_norm) x = norm(x, "ln_f");
  for (std::size_t row = 0; row < x.size() && draft.formula.narrow_row != nullptr; row += width_) {
    draft.formula.narrow_row(std::span(x).subspan(row, width_));
  }
  return reference::linear(x, model_.head(), reference::Values(static_cast<std::size_t>(draft.desc.vocab)));
}

void MistakenSequence::put_back_rewound() {
  const Stale stale = model_.draft().formula.stale;
  const bool comes_back = stale == Stale::kAll || stale == Stale::kFirst;
  for (std::size_t step = 0; step < caches_.size(); ++step) {
    std::erase_if(rewound_[step], [&](const auto& old) {
      if (old.first >= n_past_) return false;
      if (comes_back) caches_[step][old.first] = old.second;
      return true;
    });
  }
}

reference::Values MistakenSequence::feed(std::span<const std::int32_t> tokens) {
  const Draft& draft = model_.draft();
  const Formula& formula = draft.formula;
  reference::Values x = embed(tokens);
  for (std::int32_t step = 0; step < draft.desc.n_layers; ++step) {
    const std::int32_t layer = formula.weights_of == nullptr ? step : formula.weights_of(step, draft.desc.n_layers);
    if (layer < 0) continue;
    const std::string prefix = "h." + std::to_string(layer);
    const reference::Values before = x;
    if (!model_.is_off(prefix + ".attn")) {
      reference::Values sum = attention(layer, step, x);
      if (formula.attention_residual) add(sum, x);
      x = std::move(sum);
    }
    if (!model_.is_off(prefix + ".mlp")) {
      reference::Values sum = mlp(layer, formula.parallel_blocks ? before : x);
      if (formula.mlp_residual) add(sum, x);
      x = std::move(sum);
    }
  }
  n_past_ += static_cast<std::int32_t>(tokens.size());
  highest_ = std::max(highest_, n_past_);
  ++n_calls_;
  put_back_rewound();
  return head(std::move(x));
}

void MistakenSequence::truncate(std::int32_t n_past) {
  if (model_.draft().formula.truncate_is_ignored) return;
  for (std::size_t step = 0; step < caches_.size(); ++step) {
    for (auto old = caches_[step].lower_bound(n_past); old != caches_[step].end(); old = caches_[step].erase(old)) {
      const bool only_first = model_.draft().formula.stale == Stale::kFirst;
      if (only_first && old->first != n_past) continue;
      rewound_[step].insert_or_assign(old->first, std::move(old->second));
    }
  }
  n_past_ = n_past;
  if (n_past == 0) n_calls_ = 0;
}

}  // namespace inferbench::conformance
