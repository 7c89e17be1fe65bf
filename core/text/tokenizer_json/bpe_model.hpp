// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/merge_table.hpp"
#include "text/tokenizer_json/json_part.hpp"

namespace inferbench::tokenizer_json {

/// The "model" of tokenizer.json: tokens, merges, and what becomes of characters that are no tokens. Immutable.
class BpeModel {
 public:
  static constexpr std::int32_t kNone = -1;

  /// Throws Error. `n_added`: how many other tokens there may be, and so how far ids may go beyond the vocabulary's
  /// size. `merge_ranks`: one for each merge, several of which may share one; empty: merges are ranked by their order.
  BpeModel(const JsonPart& part, std::size_t n_added, std::span<const std::int32_t> merge_ranks);
  // ids_ refers to strings of tokens_: moving keeps them, copying would not.
  BpeModel(const BpeModel&) = delete;
  BpeModel& operator=(const BpeModel&) = delete;
  BpeModel(BpeModel&&) = default;
  BpeModel& operator=(BpeModel&&) = default;

  /// By id; empty where the vocabulary has no such id.
  const std::vector<std::string>& tokens() const { return tokens_; }
  /// kNone if `token` is not in the vocabulary.
  std::int32_t id_of(std::string_view token) const;
  bool has_id(std::int32_t id) const;
  const MergeTable& merges() const { return merges_; }

  /// A piece that is a token needs no merges.
  bool ignore_merges() const { return ignore_merges_; }
  bool byte_fallback() const { return byte_fallback_; }
  /// The token <0xNN>, or kNone.
  std::int32_t byte_token(std::uint8_t byte) const { return byte_tokens_[byte]; }

  /// The ids that merging `piece` (valid UTF-8) starts from are appended. Characters that can't be expressed become
  /// the unknown token or, without one, nothing. Throws Error if there should be one, but isn't.
  void append_symbols(std::string_view piece, std::vector<std::int32_t>& symbols) const;

  /// Where a long piece may be cut into smaller ones without any token becoming another: the end of the first part of
  /// `piece`, at least one character. Between two characters that no merge ever joins nothing can change.
  std::size_t first_part(std::string_view piece) const;

 private:
  void read_vocabulary(const JsonPart& part, std::size_t n_added);
  void read_merges(const JsonPart& part, std::span<const std::int32_t> ranks);
  void add_merge(const JsonPart& part, std::int32_t rank, std::string_view left, std::string_view right);
  void index_characters();

  /// The id of a character, or kNone.
  std::int32_t character_id(std::string_view character) const;
  bool may_join(std::int32_t left, std::int32_t right) const;

  std::string where_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string_view, std::int32_t> ids_;
  MergeTable merges_;
  std::array<std::int32_t, 128> ascii_ids_{};
  std::array<std::int32_t, 256> byte_tokens_{};
  std::string unknown_;
  std::int32_t unknown_id_ = kNone;
  bool ignore_merges_ = false;
  bool byte_fallback_ = false;
  bool fuse_unknown_ = false;
  bool can_cut_ = true;
  /// Bits at hashes of (last character of the left, first character of the right token of a merge). A false positive
  /// makes a part longer, nothing else.
  std::vector<std::uint64_t> joined_;
};

}  // namespace inferbench::tokenizer_json
