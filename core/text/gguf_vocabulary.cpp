// SPDX-License-Identifier: Apache-2.0
#include "text/gguf_vocabulary.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "model/in_quotes.hpp"
#include "support/counted.hpp"

namespace inferbench {
namespace {

constexpr const char* kTokensKey = "tokenizer.ggml.tokens";
constexpr const char* kKindsKey = "tokenizer.ggml.token_type";
constexpr const char* kScoresKey = "tokenizer.ggml.scores";
// The time to find a token's merges grows with the square of its length.
constexpr std::size_t kMaxTokenBytes = 512;

bool is_mergeable(const GgufToken& token) {
  return token.kind == GgufTokenKind::kNormal || token.kind == GgufTokenKind::kUserDefined;
}

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
}

void check_length(const GgufFile& file, const char* key, const GgufValue& value, std::size_t n_tokens) {
  if (value.type == GgufType::kArray && value.element != GgufType::kString && value.count == n_tokens) return;
  file.fail(key, fmt::format("is not an array of {}, one for each token", counted(n_tokens, "number")));
}

void read_kinds(const GgufFile& file, std::vector<GgufToken>& tokens) {
  const GgufValue* kinds = file.find(kKindsKey);
  if (kinds == nullptr) return;
  check_length(file, kKindsKey, *kinds, tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto kind = kinds->integer_at(i);
    if (!kind) file.fail(kKindsKey, "is not an array of integers");
    if (*kind >= 1 && *kind <= 6) tokens[i].kind = static_cast<GgufTokenKind>(*kind);
  }
}

void read_scores(const GgufFile& file, std::vector<GgufToken>& tokens) {
  const GgufValue* scores = file.find(kScoresKey);
  if (scores == nullptr) file.fail_missing(kScoresKey);
  check_length(file, kScoresKey, *scores, tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto score = scores->number_at(i);
    if (!score || !std::isfinite(*score))
      file.fail(kScoresKey, fmt::format("the score of token {} is not a finite number", i));
    tokens[i].score = *score;
  }
}

}  // namespace

std::vector<GgufToken> read_gguf_tokens(const GgufFile& file, bool scored) {
  const GgufValue* list = file.find(kTokensKey);
  if (list == nullptr) file.fail_missing(kTokensKey);
  if (!list->is_array_of(GgufType::kString)) file.fail(kTokensKey, "is not an array of strings");
  std::vector<GgufToken> tokens;
  tokens.reserve(static_cast<std::size_t>(list->count));
  for (const std::string_view text : list->texts()) {
    if (!simdjson::validate_utf8(text)) file.fail(kTokensKey, fmt::format("{} is not UTF-8", in_quotes(text)));
    if (scored && text.size() > kMaxTokenBytes) {
      file.fail(kTokensKey,
                fmt::format("a token of {}; at most {} are accepted", counted(text.size(), "byte"), kMaxTokenBytes));
    }
    tokens.push_back({text, GgufTokenKind::kNormal, 0});
  }
  read_kinds(file, tokens);
  if (scored) read_scores(file, tokens);
  return tokens;
}

std::vector<ScoredMerge> merges_by_score(const std::vector<GgufToken>& tokens) {
  std::unordered_set<std::string_view> texts;
  std::vector<const GgufToken*> by_score;
  for (const GgufToken& token : tokens) {
    if (!is_mergeable(token) || token.text.empty()) continue;
    texts.insert(token.text);
    by_score.push_back(&token);
  }
  std::stable_sort(by_score.begin(), by_score.end(),
                   [](const GgufToken* a, const GgufToken* b) { return a->score > b->score; });
  std::vector<ScoredMerge> merges;
  std::int32_t rank = 0;
  for (std::size_t i = 0; i < by_score.size(); ++i) {
    const std::string_view text = by_score[i]->text;
    if (i > 0 && by_score[i]->score < by_score[i - 1]->score) ++rank;
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      const std::string_view left = text.substr(0, cut);
      const std::string_view right = text.substr(cut);
      if (begins_character(text[cut]) && texts.contains(left) && texts.contains(right))
        merges.push_back({left, right, rank});
    }
  }
  return merges;
}

}  // namespace inferbench
