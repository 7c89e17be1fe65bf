// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
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

/// How a backend may depart from the formulas of ib_model_desc. The defaults follow the formulas.
struct Formula {
  double (*activation)(double x) = nullptr;  ///< null: the activation of the description
  double lost_degrees = 0;                   ///< subtracted from the width in the variance's divisor
  bool norm_subtracts_mean = true;
  bool epsilon_under_root = true;
  bool final_norm = true;
  double (*attention_scale)(const ib_model_desc& desc, std::int32_t layer) = nullptr;  ///< null: the header's
  Mask mask = Mask::kCausal;
  bool attention_residual = true;
  bool mlp_residual = true;
  bool parallel_blocks = false;  ///< the MLP's input does not include the attention's output
  std::int32_t (*weights_of)(std::int32_t layer, std::int32_t n) = nullptr;  ///< layer whose weights are used; -1: none
  std::function<std::int32_t(const Place&)> position;                        ///< empty: past + index
  std::int32_t cache_shift = 0;  ///< keys and values of every call but the first are stored this many positions off
  Stale stale = Stale::kNone;
  bool truncate_is_ignored = false;
  bool head_is_embedding = false;  ///< even if the head is not tied
  double embedding_scale = 1;
  /// How lower precision changes rows that enter a product, and keys and values. Null: not at all.
  void (*narrow_row)(std::span<double> row) = nullptr;
  void (*narrow_cache)(std::span<double> row) = nullptr;
};

/// A model as a backend understood it. A mistake changes any of the three members.
struct Draft {
  ib_model_desc desc{};
  std::map<std::string, reference::Values> tensors;
  Formula formula;
};

/// GPT-2 in float64 with a planted mistake. Without one it computes the same as reference::Decoder, but call by call,
/// like a backend.
class MistakenModel {
 public:
  /// Copies the tensors. `mistake` may be empty.
  explicit MistakenModel(const ib_model_desc& desc, const std::function<void(Draft&)>& mistake = {});

  const Draft& draft() const { return draft_; }
  const reference::Values& weight(const std::string& name) const { return draft_.tensors.at(name); }
  /// True if a block ("h.0.attn", "h.0.mlp") adds nothing because its projection is 0.
  bool is_off(const std::string& block) const { return off_.contains(block); }
  /// The output head, transposed to columns: [width, vocab]. A token's logits are its products with these columns.
  const reference::Values& head() const { return head_; }

 private:
  Draft draft_;
  reference::Values head_;
  std::set<std::string> off_;
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
  /// Key and value of one position, `width` values each; empty if none was written.
  struct Entry {
    reference::Values key;
    reference::Values value;
  };
  using Cache = std::map<std::int32_t, Entry>;  // by position

  reference::Values embed(std::span<const std::int32_t> tokens) const;
  reference::Values norm(const reference::Values& x, const std::string& name) const;
  reference::Values product(reference::Values x, const std::string& name) const;
  void store(Cache& cache, const Cache& rewound, const reference::Values& qkv, std::int32_t n) const;
  reference::Values attention(std::int32_t layer, std::int32_t step, const reference::Values& x);
  reference::Values attend(const Cache& cache, const reference::Values& qkv, std::int32_t n, double scale) const;
  reference::Values mlp(std::int32_t layer, const reference::Values& x) const;
  reference::Values head(reference::Values x) const;
  void put_back_rewound();

  const MistakenModel& model_;
  std::size_t width_;
  std::int32_t n_past_ = 0;
  std::int32_t n_calls_ = 0;
  std::int32_t highest_ = 0;
  std::vector<Cache> caches_;   // [steps]
  std::vector<Cache> rewound_;  // [steps], entries that a truncate dropped
};

}  // namespace inferbench::conformance
