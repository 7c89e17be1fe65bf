// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "inferbench/backend.h"
#include "reference/operators.hpp"

namespace inferbench::conformance {

/// The position of a token, as far as a backend knows it when it computes the token's position index.
struct Place {
  std::int32_t past = 0;     ///< tokens in the sequence before the call
  std::int32_t index = 0;    ///< index of the token within the call
  std::int32_t n_calls = 0;  ///< earlier calls of this sequence since it was empty
  std::int32_t highest = 0;  ///< the most tokens that the sequence ever held
};

/// Which keys a query sees.
enum class Mask {
  kCausal,
  kNone,     ///< all tokens of the call, including later ones
  kZeroed,   ///< scores of later tokens of the call are 0 instead of minus infinity
  kNotSelf,  ///< only earlier tokens
  kOneCall,  ///< only tokens of the same call
};

/// What happens to cache entries that a truncate dropped and that are then written again.
enum class Stale {
  kNone,
  kFirst,    ///< the old version of the first one comes back after the call that overwrote it
  kAll,      ///< the old versions of all come back
  kNoWrite,  ///< they are not overwritten: even the call itself sees the old ones
};

/// How values of a head are paired for rotation.
enum class Rotation {
  kHalves,       ///< j with j + head_dim / 2
  kInterleaved,  ///< 2 j with 2 j + 1
  kBackwards,    ///< by halves, by the negative angle
  kOnlyQueries,  ///< keys are not rotated
  kValuesToo,    ///< values are rotated like keys
};

/// How a gated MLP combines its two products.
enum class Gate {
  kActivated,  ///< activation(gate) * up
  kSwapped,    ///< gate * activation(up)
  kIgnored,    ///< activation(up)
  kProduct,    ///< activation(gate * up)
};

/// Where queries and keys are normalized.
enum class QkNorm {
  kHeads,          ///< each head, before rotation
  kAfterRotation,  ///< each head, after rotation
  kSubtractsMean,  ///< each head, as a layer norm without bias
  kAllHeads,       ///< all heads of a token together
};

/// How a backend may depart from the formulas of ib_model_desc. The defaults follow the formulas.
struct Formula {
  double (*activation)(double x) = nullptr;  ///< null: the activation of the description
  double lost_degrees = 0;                   ///< subtracted from the size in the variance's divisor
  bool other_norm = false;                   ///< layer norms do not subtract the mean, RMS norms do
  bool epsilon_under_root = true;
  bool final_norm = true;
  Mask mask = Mask::kCausal;
  bool attention_residual = true;
  bool mlp_residual = true;
  bool parallel_blocks = false;   ///< the MLP's input does not include the attention's output
  bool norm_after_sum = false;    ///< post_norm normalizes the sum with the residual stream
  bool cap_before_scale = false;  ///< attention scores are capped, then scaled
  bool cap_keeps_tanh = false;    ///< tanh(s / c), without the factor c
  Rotation rotation = Rotation::kHalves;
  Gate gate = Gate::kActivated;
  QkNorm qk_norm = QkNorm::kHeads;
  std::int32_t (*kv_head)(std::int32_t head, const ib_model_desc& desc) = nullptr;  ///< null: head / group
  std::int32_t (*weights_of)(std::int32_t layer,
                             std::int32_t n) = nullptr;       ///< layer that is computed instead; -1: none
  std::function<std::int32_t(const Place&)> position;         ///< of the position embedding; empty: past + index
  std::function<std::int32_t(const Place&)> rotary_position;  ///< of the rotation, likewise
  std::int32_t cache_shift = 0;  ///< keys and values of every call but the first are stored this many positions off
  Stale stale = Stale::kNone;
  bool truncate_is_ignored = false;
  bool head_is_embedding = false;  ///< even if the head is not tied
  /// How lower precision changes rows that enter a product, and keys and values. Null: not at all.
  void (*narrow_row)(std::span<double> row) = nullptr;
  void (*narrow_cache)(std::span<double> row) = nullptr;
};

/// A tensor's values, dense; a vector has one column.
struct Tensor {
  reference::Values values;
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// A model as a backend understood it. A mistake changes any of the members.
struct Draft {
  ib_model_desc desc{};  ///< its pointers are null: what they point to follows
  std::vector<ib_layer_desc> layers;
  std::vector<double> rotary_frequencies;
  std::vector<double> rotary_scales;
  std::map<std::string, Tensor> tensors;
  Formula formula;

  /// Null if the model has no such tensor.
  Tensor* find(const std::string& name);
  const Tensor* find(const std::string& name) const;
  /// Sets all values of a tensor, if the model has it.
  void fill(const std::string& name, double value);
};

/// A decoder in float64 with a planted mistake. Without one it computes the same as reference::Decoder, but call by
/// call, like a backend.
class MistakenModel {
 public:
  /// Copies the tensors. `mistake` may be empty.
  explicit MistakenModel(const ib_model_desc& desc, const std::function<void(Draft&)>& mistake = {});

  const Draft& draft() const { return draft_; }
  /// True if the attention, or the MLP, of a layer adds nothing because its projection is 0.
  bool is_off(std::int32_t layer, bool mlp) const { return off_.contains({layer, mlp}); }

 private:
  Draft draft_;
  std::set<std::pair<std::int32_t, bool>> off_;
};

/// One sequence of a mistaken model. The model must outlive it.
class MistakenSequence {
 public:
  explicit MistakenSequence(const MistakenModel& model);

  /// Appends tokens. Returns logits [tokens.size(), vocab].
  reference::Values feed(std::span<const std::int32_t> tokens);
  void truncate(std::int32_t n_past);
  std::int32_t n_past() const { return n_past_; }

 private:
  /// Key and value of one position; empty if none was written.
  struct Entry {
    reference::Values key;
    reference::Values value;
  };
  using Cache = std::map<std::int32_t, Entry>;  // by position
  /// Queries, keys and values of a call's tokens.
  struct Heads {
    reference::Values q;
    reference::Values k;
    reference::Values v;
  };

  std::vector<std::int32_t> positions_of(std::size_t n, const std::function<std::int32_t(const Place&)>& formula) const;
  reference::Values embed(std::span<const std::int32_t> tokens) const;
  reference::Values norm(const reference::Values& x, const std::string& name) const;
  void norm_heads(reference::Values& x, const std::string& name, std::int32_t heads) const;
  void rotate(reference::Values& x, std::int32_t layer, std::int32_t heads) const;
  reference::Values product(reference::Values x, const std::string& name) const;
  Heads heads_of(std::int32_t layer, const reference::Values& x) const;
  void store(Cache& cache, const Cache& rewound, const Heads& heads) const;
  reference::Values attention(std::int32_t layer, std::int32_t step, const reference::Values& x);
  reference::Values attend(const Cache& cache, const Heads& heads, const ib_layer_desc& layer) const;
  reference::Values mlp(std::int32_t layer, const reference::Values& x) const;
  reference::Values summed(const reference::Values& x, reference::Values y, const std::string& post_norm,
                           bool residual) const;
  reference::Values head(reference::Values x) const;
  void cap(std::span<double> values, double most) const;
  void put_back_rewound();

  const MistakenModel& model_;
  const Draft& draft_;
  std::size_t hidden_;
  std::int32_t n_past_ = 0;
  std::int32_t n_calls_ = 0;
  std::int32_t highest_ = 0;
  // Of the present call's tokens, as the embedding and the rotation have them; -1: none.
  std::vector<std::int32_t> positions_;
  std::vector<std::int32_t> rotary_positions_;
  std::vector<Cache> caches_;   // [steps]
  std::vector<Cache> rewound_;  // [steps], entries that a truncate dropped
};

}  // namespace inferbench::conformance
