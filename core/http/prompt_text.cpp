// SPDX-License-Identifier: Apache-2.0
#include "http/prompt_text.hpp"

#include <algorithm>

#include "http/random_prompt.hpp"
#include "support/random.hpp"

namespace inferbench {

namespace {

constexpr int kMostFillers = 64;

std::uint64_t hash_of_ids(std::span<const std::int32_t> ids) {
  std::uint64_t hash = 0;
  for (const std::int32_t id : ids) hash = SplitMix64(hash ^ static_cast<std::uint64_t>(id)).next();
  return hash;
}

}  // namespace

PromptTexts::PromptTexts(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {
  for (std::size_t word = 0; word < kPromptWords; ++word) {
    const std::string spaced = " " + std::string(prompt_word(word));
    costs_.push_back(tokenizer == nullptr ? 1 : std::max<std::size_t>(1, tokenizer->encode(spaced).size()));
  }
}

std::string PromptTexts::text_of(std::span<const std::int32_t> ids) const {
  std::string text;
  std::size_t tokens = 0;  // by the costs of the words, which rarely differ from those of the entire text
  std::size_t used = 0;    // ids that have chosen a word
  std::vector<std::size_t> ends;
  while (tokens < ids.size()) {
    const std::size_t word = hash_of_ids(ids.subspan(used, tokens + 1 - used)) % kPromptWords;
    if (tokens + costs_[word] > ids.size()) break;
    used = tokens + 1;
    tokens += costs_[word];
    ends.push_back(text.size());
    if (!text.empty()) text += ' ';
    text += prompt_word(word);
  }
  if (tokenizer_ == nullptr) return text;
  while (!ends.empty() && tokenizer_->encode(text).size() > ids.size()) {
    text.resize(ends.back());
    ends.pop_back();
  }
  fill_up(text, ids.subspan(used), ids.size());
  return text;
}

// Letters fill the last few tokens, since a word may have more than are left.
void PromptTexts::fill_up(std::string& text, std::span<const std::int32_t> rest, std::size_t wanted) const {
  constexpr std::uint64_t kLetters = 26;
  SplitMix64 random(hash_of_ids(rest));
  std::size_t tokens = tokenizer_->encode(text).size();
  for (int i = 0; i < kMostFillers && tokens < wanted; ++i) {
    const char letter = static_cast<char>('a' + random.next() % kLetters);
    for (const std::string& filler : {std::string{' ', letter}, std::string{letter}}) {
      const std::size_t now = tokenizer_->encode(text + filler).size();
      if (now <= tokens || now > wanted) continue;
      text += filler;
      tokens = now;
      break;
    }
  }
}

}  // namespace inferbench
