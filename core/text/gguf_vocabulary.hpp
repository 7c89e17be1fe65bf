// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/gguf/gguf_file.hpp"

namespace inferbench {

/// The kinds of tokens, as numbered in GGUF files.
enum class GgufTokenKind : std::uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

/// One token; its id is its place in the list. The text borrows from the file.
struct GgufToken {
  std::string_view text;
  GgufTokenKind kind = GgufTokenKind::kNormal;
  double score = 0;
};

/// The tokens of a file's tokenizer; without kinds, all are normal. `scored`: whether there must be scores. Throws
/// Error if a list is missing, of another type or length, or has what can't be: text that is not UTF-8, a score that is
/// not finite.
std::vector<GgufToken> read_gguf_tokens(const GgufFile& file, bool scored);

/// Two tokens that merge. Of equal rank are those whose tokens have the same score.
struct ScoredMerge {
  std::string_view left;
  std::string_view right;
  std::int32_t rank;  ///< the lowest is merged first
};

/// All pairs of normal and user-defined tokens that together are such a token, by falling score of that token: any such
/// pair is merged in SentencePiece's BPE.
std::vector<ScoredMerge> merges_by_score(const std::vector<GgufToken>& tokens);

}  // namespace inferbench
