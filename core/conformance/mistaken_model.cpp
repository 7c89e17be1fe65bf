// SPDX-License-Identifier: Apache-2.0
#include "conformance/mistaken_model.hpp"

#include <algorithm>
#include <cmath>

#include "inferbench/decoder.hpp"

namespace inferbench::conformance {

namespace {

using reference::Values;

bool is_zero(const Tensor* tensor) {
  return tensor == nullptr ||
         std::all_of(tensor->values.begin(), tensor->values.end(), [](double value) { return value == 0; });
}

void add(Values& to, const Values& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
}

double dot(const double* a, const double* b, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

std::string layer_name(std::int32_t layer, const char* name) {
  return decoder::layer_tensor_name(layer, name);
}

Tensor tensor_of(const ib_tensor& tensor) {
  return {reference::values_of(tensor), static_cast<std::size_t>(tensor.shape[0]),
          tensor.rank == 2 ? static_cast<std::size_t>(tensor.shape[1]) : 1};
}

/// What a row is normalized with.
struct RowNorm {
  double epsilon = 0;
  double lost_degrees = 0;
  bool subtracts_mean = false;
  bool epsilon_under_root = true;
};

// Without weight and bias.
void normalize(std::span<double> row, const RowNorm& norm) {
  const auto n = static_cast<double>(row.size());
  double mean = 0;
  for (const double value : row) mean += norm.subtracts_mean ? value / n : 0;
  double squares = 0;
  for (const double value : row) squares += (value - mean) * (value - mean);
  const double variance = squares / (n - norm.lost_degrees);
  const double root = norm.epsilon_under_root ? std::sqrt(variance + norm.epsilon) : std::sqrt(variance) + norm.epsilon;
  for (double& value : row) value = root > 0 ? (value - mean) / root : 0;
}

}  // namespace

Tensor* Draft::find(const std::string& name) {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

const Tensor* Draft::find(const std::string& name) const {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

void Draft::fill(const std::string& name, double value) {
  if (Tensor* const tensor = find(name)) std::fill(tensor->values.begin(), tensor->values.end(), value);
}

MistakenModel::MistakenModel(const ib_model_desc& desc, const std::function<void(Draft&)>& mistake) {
  draft_.desc = desc;
  draft_.desc.layers = nullptr;
  draft_.desc.rotary_frequencies = draft_.desc.rotary_scales = nullptr;
  draft_.desc.tensors = nullptr;
  draft_.layers.assign(desc.layers, desc.layers + desc.n_layers);
  if (const std::int32_t n = desc.n_rotary_tables; n > 0) {
    draft_.rotary_scales.assign(desc.rotary_scales, desc.rotary_scales + n);
    draft_.rotary_frequencies.assign(desc.rotary_frequencies,
                                     desc.rotary_frequencies + std::ptrdiff_t{n} * (desc.head_dim / 2));
  }
  for (std::uint64_t i = 0; i < desc.n_tensors; ++i) draft_.tensors[desc.tensors[i].name] = tensor_of(desc.tensors[i]);
  if (mistake) mistake(draft_);
  for (std::int32_t i = 0; i < desc.n_layers; ++i) {
    for (const bool mlp : {false, true}) {
      const std::string part = mlp ? "mlp_down" : "attn_out";
      const std::string norm = mlp ? "mlp_post_norm" : "attn_post_norm";
      const auto off = [&](const std::string& name) {
        return is_zero(draft_.find(layer_name(i, (name + ".weight").c_str()))) &&
               is_zero(draft_.find(layer_name(i, (name + ".bias").c_str())));
      };
      if (draft_.desc.post_norm != 0 ? off(norm) : off(part)) off_.insert({i, mlp});
    }
  }
}

MistakenSequence::MistakenSequence(const MistakenModel& model)
    : model_(model),
      draft_(model.draft()),
      hidden_(static_cast<std::size_t>(draft_.desc.hidden_size)),
      caches_(static_cast<std::size_t>(draft_.desc.n_layers)),
      rewound_(caches_.size()) {}

std::vector<std::int32_t> MistakenSequence::positions_of(
    std::size_t n, const std::function<std::int32_t(const Place&)>& formula) const {
  std::vector<std::int32_t> positions;
  for (std::size_t t = 0; t < n; ++t) {
    const Place place{n_past_, static_cast<std::int32_t>(t), n_calls_, highest_};
    positions.push_back(formula ? formula(place) : n_past_ + place.index);
  }
  return positions;
}

Values MistakenSequence::embed(std::span<const std::int32_t> tokens) const {
  const Values& embedding = draft_.tensors.at("token_embedding.weight").values;
  const Tensor* const learned = draft_.desc.learned_positions != 0 ? draft_.find("position_embedding.weight") : nullptr;
  Values x(tokens.size() * hidden_);
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const auto position = static_cast<std::size_t>(std::clamp(positions_[t], 0, draft_.desc.max_positions - 1));
    const auto token = static_cast<std::size_t>(tokens[t]);
    for (std::size_t i = 0; i < hidden_; ++i) {
      // A negative position means that no position embedding is added.
      const bool adds = learned != nullptr && positions_[t] >= 0;
      x[t * hidden_ + i] = draft_.desc.embedding_scale * embedding[token * hidden_ + i] +
                           (adds ? learned->values[position * hidden_ + i] : 0);
    }
  }
  return x;
}

Values MistakenSequence::norm(const Values& x, const std::string& name) const {
  const Formula& formula = draft_.formula;
  const Values& weight = draft_.tensors.at(name + ".weight").values;
  const Tensor* const bias = draft_.find(name + ".bias");
  const bool is_layer_norm = draft_.desc.norm == IB_NORM_LAYER;
  const RowNorm row_norm{draft_.desc.norm_epsilon, formula.lost_degrees, is_layer_norm != formula.other_norm,
                         formula.epsilon_under_root};
  Values y = x;
  for (std::size_t row = 0; row < y.size(); row += hidden_) {
    normalize(std::span(y).subspan(row, hidden_), row_norm);
    for (std::size_t i = 0; i < hidden_; ++i) {
      y[row + i] = y[row + i] * weight[i] + (bias != nullptr ? bias->values[i] : 0);
    }
  }
  return y;
}

void MistakenSequence::norm_heads(Values& x, const std::string& name, std::int32_t heads) const {
  const Formula& formula = draft_.formula;
  const Values& weight = draft_.tensors.at(name).values;
  const std::size_t together = formula.qk_norm == QkNorm::kAllHeads ? static_cast<std::size_t>(heads) : 1;
  const std::size_t size = weight.size() * together;
  const RowNorm row_norm{draft_.desc.norm_epsilon, 0, formula.qk_norm == QkNorm::kSubtractsMean,
                         formula.epsilon_under_root};
  for (std::size_t row = 0; row < x.size(); row += size) normalize(std::span(x).subspan(row, size), row_norm);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= weight[i % weight.size()];
}

void MistakenSequence::rotate(Values& x, std::int32_t layer, std::int32_t heads) const {
  const std::int32_t table = draft_.layers[static_cast<std::size_t>(layer)].rotary_table;
  if (table < 0) return;
  const Rotation rotation = draft_.formula.rotation;
  const auto half = static_cast<std::size_t>(draft_.desc.head_dim / 2);
  const std::size_t row_size = static_cast<std::size_t>(heads) * 2 * half;
  const double scale = draft_.rotary_scales[static_cast<std::size_t>(table)];
  for (std::size_t at = 0; at < x.size(); at += 2 * half) {
    const double position =
        std::max(rotary_positions_[at / row_size], 0) * (rotation == Rotation::kBackwards ? -1.0 : 1.0);
    for (std::size_t j = 0; j < half; ++j) {
      const double angle = position * draft_.rotary_frequencies[static_cast<std::size_t>(table) * half + j];
      const bool interleaved = rotation == Rotation::kInterleaved;
      double& low = x[at + (interleaved ? 2 * j : j)];
      double& high = x[at + (interleaved ? 2 * j + 1 : j + half)];
      const double rotated = scale * (low * std::cos(angle) - high * std::sin(angle));
      high = scale * (high * std::cos(angle) + low * std::sin(angle));
      low = rotated;
    }
  }
}

Values MistakenSequence::product(Values x, const std::string& name) const {
  const Tensor& weight = draft_.tensors.at(name + ".weight");
  const Tensor* const bias = draft_.find(name + ".bias");
  if (auto* const narrow = draft_.formula.narrow_row; narrow != nullptr) {
    for (std::size_t row = 0; row < x.size(); row += weight.columns) narrow(std::span(x).subspan(row, weight.columns));
  }
  return reference::linear(x, weight.values, weight.columns, bias == nullptr ? Values{} : bias->values);
}

MistakenSequence::Heads MistakenSequence::heads_of(std::int32_t layer, const Values& x) const {
  const ib_model_desc& desc = draft_.desc;
  const Formula& formula = draft_.formula;
  const Values y = norm(x, layer_name(layer, "attn_norm"));
  Heads heads{product(y, layer_name(layer, "attn_q")), product(y, layer_name(layer, "attn_k")),
              product(y, layer_name(layer, "attn_v"))};
  const auto normalize_heads = [&] {
    if (desc.qk_norm == 0) return;
    norm_heads(heads.q, layer_name(layer, "attn_q_norm.weight"), desc.n_heads);
    norm_heads(heads.k, layer_name(layer, "attn_k_norm.weight"), desc.n_kv_heads);
  };
  if (formula.qk_norm != QkNorm::kAfterRotation) normalize_heads();
  rotate(heads.q, layer, desc.n_heads);
  if (formula.rotation != Rotation::kOnlyQueries) rotate(heads.k, layer, desc.n_kv_heads);
  if (formula.rotation == Rotation::kValuesToo) rotate(heads.v, layer, desc.n_kv_heads);
  if (formula.qk_norm == QkNorm::kAfterRotation) normalize_heads();
  return heads;
}

void MistakenSequence::store(Cache& cache, const Cache& rewound, const Heads& heads) const {
  const Formula& formula = draft_.formula;
  const auto kv = static_cast<std::size_t>(decoder::kv_size(draft_.desc));
  for (std::size_t t = 0; t < heads.k.size() / kv; ++t) {
    const std::int32_t position = n_past_ + static_cast<std::int32_t>(t) + (n_past_ > 0 ? formula.cache_shift : 0);
    if (formula.stale == Stale::kNoWrite && rewound.contains(position)) {
      cache[position] = rewound.at(position);
      continue;
    }
    const auto row = [&](const Values& values) {
      const auto begin = values.begin() + static_cast<std::ptrdiff_t>(t * kv);
      return Values(begin, begin + static_cast<std::ptrdiff_t>(kv));
    };
    Entry entry{row(heads.k), row(heads.v)};
    if (formula.narrow_cache != nullptr) {
      formula.narrow_cache(entry.key);
      formula.narrow_cache(entry.value);
    }
    cache[position] = std::move(entry);
  }
}

void MistakenSequence::cap(std::span<double> values, double most) const {
  if (most == 0) return;
  for (double& value : values) value = std::tanh(value / most) * (draft_.formula.cap_keeps_tanh ? 1 : most);
}

Values MistakenSequence::attend(const Cache& cache, const Heads& heads, const ib_layer_desc& layer) const {
  const Mask mask = draft_.formula.mask;
  const ib_model_desc& desc = draft_.desc;
  const auto head_dim = static_cast<std::size_t>(desc.head_dim);
  const auto query_size = static_cast<std::size_t>(decoder::query_size(desc));
  const auto n = static_cast<std::int32_t>(heads.q.size() / query_size);
  const bool sees_all = mask == Mask::kNone || mask == Mask::kZeroed;
  const bool cap_first = draft_.formula.cap_before_scale;
  Values out(heads.q.size());
  for (std::int32_t t = 0; t < n; ++t) {
    const std::int32_t self = n_past_ + t;
    std::int32_t end = sees_all ? n_past_ + n : self + 1;
    if (mask == Mask::kNotSelf && self > 0) end = self;
    const std::int32_t oldest = layer.window > 0 ? self - layer.window + 1 : 0;
    const auto first = cache.lower_bound(std::max(mask == Mask::kOneCall ? n_past_ : 0, oldest));
    const auto last = cache.lower_bound(end);
    for (std::int32_t head = 0; head < desc.n_heads && first != last; ++head) {
      const std::int32_t kv_head = draft_.formula.kv_head != nullptr ? draft_.formula.kv_head(head, desc)
                                                                     : head / (desc.n_heads / desc.n_kv_heads);
      const std::size_t kv_at = static_cast<std::size_t>(kv_head) * head_dim;
      const std::size_t q_at = static_cast<std::size_t>(t) * query_size + static_cast<std::size_t>(head) * head_dim;
      Values scores;
      for (auto seen = first; seen != last; ++seen) {
        const bool hidden = mask == Mask::kZeroed && seen->first > self;
        scores.push_back(hidden ? 0 : dot(heads.q.data() + q_at, seen->second.key.data() + kv_at, head_dim));
      }
      if (cap_first) cap(scores, desc.attention_soft_cap);
      for (double& score : scores) score *= layer.attention_scale;
      if (!cap_first) cap(scores, desc.attention_soft_cap);
      const Values shares = reference::softmax_rows(scores, scores.size());
      std::size_t s = 0;
      for (auto seen = first; seen != last; ++seen, ++s) {
        const double* value = seen->second.value.data() + kv_at;
        for (std::size_t d = 0; d < head_dim; ++d) out[q_at + d] += shares[s] * value[d];
      }
    }
  }
  return out;
}

Values MistakenSequence::attention(std::int32_t layer, std::int32_t step, const Values& x) {
  const Heads heads = heads_of(layer, x);
  Cache& cache = caches_[static_cast<std::size_t>(step)];
  store(cache, rewound_[static_cast<std::size_t>(step)], heads);
  return product(attend(cache, heads, draft_.layers[static_cast<std::size_t>(layer)]), layer_name(layer, "attn_out"));
}

Values MistakenSequence::mlp(std::int32_t layer, const Values& x) const {
  const Formula& formula = draft_.formula;
  const auto activate = [&](Values values) {
    if (formula.activation == nullptr) return reference::activate(std::move(values), draft_.desc.activation);
    for (double& value : values) value = formula.activation(value);
    return values;
  };
  const auto multiply = [](Values a, const Values& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] *= b[i];
    return a;
  };
  const Values y = norm(x, layer_name(layer, "mlp_norm"));
  Values inner = product(y, layer_name(layer, "mlp_up"));
  if (draft_.desc.gated == 0 || formula.gate == Gate::kIgnored) {
    inner = activate(std::move(inner));
  } else {
    Values gate = product(y, layer_name(layer, "mlp_gate"));
    if (formula.gate == Gate::kSwapped) std::swap(gate, inner);
    inner = formula.gate == Gate::kProduct ? activate(multiply(std::move(gate), inner))
                                           : multiply(activate(std::move(gate)), inner);
  }
  return product(std::move(inner), layer_name(layer, "mlp_down"));
}

// y is what the attention or the MLP makes of x.
Values MistakenSequence::summed(const Values& x, Values y, const std::string& post_norm, bool residual) const {
  const bool normalizes = draft_.desc.post_norm != 0;
  const bool late = draft_.formula.norm_after_sum;
  if (normalizes && !late) y = norm(y, post_norm);
  if (residual) add(y, x);
  return normalizes && late ? norm(y, post_norm) : y;
}

Values MistakenSequence::head(Values x) const {
  if (draft_.formula.final_norm) x = norm(x, "final_norm");
  const bool tied = draft_.desc.tied_head != 0 || draft_.formula.head_is_embedding;
  Values logits = product(std::move(x), tied ? "token_embedding" : "head");
  cap(logits, draft_.desc.logit_soft_cap);
  return logits;
}

void MistakenSequence::put_back_rewound() {
  const Stale stale = draft_.formula.stale;
  const bool comes_back = stale == Stale::kAll || stale == Stale::kFirst;
  for (std::size_t step = 0; step < caches_.size(); ++step) {
    std::erase_if(rewound_[step], [&](const auto& old) {
      if (old.first >= n_past_) return false;
      if (comes_back) caches_[step][old.first] = old.second;
      return true;
    });
  }
}

Values MistakenSequence::feed(std::span<const std::int32_t> tokens) {
  const Formula& formula = draft_.formula;
  positions_ = positions_of(tokens.size(), formula.position);
  rotary_positions_ = positions_of(tokens.size(), formula.rotary_position);
  Values x = embed(tokens);
  for (std::int32_t step = 0; step < draft_.desc.n_layers; ++step) {
    const std::int32_t layer = formula.weights_of == nullptr ? step : formula.weights_of(step, draft_.desc.n_layers);
    if (layer < 0) continue;
    const Values before = x;
    if (!model_.is_off(layer, false)) {
      x = summed(x, attention(layer, step, x), layer_name(layer, "attn_post_norm"), formula.attention_residual);
    }
    if (!model_.is_off(layer, true)) {
      Values y = mlp(layer, formula.parallel_blocks ? before : x);
      x = summed(x, std::move(y), layer_name(layer, "mlp_post_norm"), formula.mlp_residual);
    }
  }
  n_past_ += static_cast<std::int32_t>(tokens.size());
  highest_ = std::max(highest_, n_past_);
  ++n_calls_;
  put_back_rewound();
  return head(std::move(x));
}

void MistakenSequence::truncate(std::int32_t n_past) {
  if (draft_.formula.truncate_is_ignored) return;
  for (std::size_t step = 0; step < caches_.size(); ++step) {
    for (auto old = caches_[step].lower_bound(n_past); old != caches_[step].end(); old = caches_[step].erase(old)) {
      const bool only_first = draft_.formula.stale == Stale::kFirst;
      if (only_first && old->first != n_past) continue;
      rewound_[step].insert_or_assign(old->first, std::move(old->second));
    }
  }
  n_past_ = n_past;
  if (n_past == 0) n_calls_ = 0;
}

}  // namespace inferbench::conformance
