// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/bpe_merger.hpp"
#include "text/tokenizer_json/bpe_model.hpp"

namespace inferbench::tokenizer_json {

/// Turns one piece after another of a text into tokens, and remembers short ones. Not thread-safe.
class BpeEncoder {
 public:
  /// `model` outlives it. The tokens are appended to `ids`, which only this encoder changes until it ends, other than
  /// by appending.
  BpeEncoder(const BpeModel& model, std::vector<std::int32_t>& ids)
      : model_(model), merger_(model.merges()), ids_(ids) {}

  /// `piece`: valid UTF-8 of fewer than 2^31 bytes.
  void encode(std::string_view piece);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  /// Where in ids_ the tokens of a text are.
  struct Seen {
    std::size_t begin;
    std::size_t end;
  };

  void encode_short(std::string_view piece);
  void merge(std::string_view piece);

  const BpeModel& model_;
  BpeMerger merger_;
  std::vector<std::int32_t>& ids_;
  std::vector<std::int32_t> symbols_;
  std::unordered_map<std::string, Seen, TextHash, std::equal_to<>> seen_;
};

}  // namespace inferbench::tokenizer_json
