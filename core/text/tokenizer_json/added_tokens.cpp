// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/added_tokens.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <unordered_set>

#include "model/in_quotes.hpp"
#include "text/tokenizer_json/unicode.hpp"

namespace inferbench::tokenizer_json {
namespace {

// Every place of a text is compared with at most this much.
constexpr std::size_t kMaxAddedBytes = 1024;

AddedToken read_added_token(const JsonPart& part) {
  AddedToken token;
  token.content = part.at("content").text();
  if (token.content.size() > kMaxAddedBytes) part.fail("the content is too long");
  const std::int64_t id = part.at("id").integer();
  if (id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
    part.fail(fmt::format("the id {} of {} is out of range", id, in_quotes(token.content)));
  }
  token.id = static_cast<std::int32_t>(id);
  token.special = part.flag_or("special", false);
  token.lstrip = part.flag_or("lstrip", false);
  token.rstrip = part.flag_or("rstrip", false);
  token.single_word = part.flag_or("single_word", false);
  token.normalized = part.flag_or("normalized", !token.special);
  return token;
}

bool touches_word(std::string_view before, std::string_view after) {
  return (!before.empty() && is_word(last_character(before).code)) ||
         (!after.empty() && is_word(first_character(after).code));
}

}  // namespace

std::vector<AddedToken> read_added_tokens(const JsonPart& part) {
  std::vector<AddedToken> tokens;
  std::unordered_set<std::string> contents;
  std::unordered_set<std::int32_t> ids;
  for (const simdjson::dom::element element : part.array()) {
    const JsonPart item(element, fmt::format("{}[{}]", part.where(), tokens.size()));
    AddedToken token = read_added_token(item);
    if (!contents.insert(token.content).second) item.fail(fmt::format("{} is there twice", in_quotes(token.content)));
    if (!ids.insert(token.id).second) item.fail(fmt::format("the id {} is there twice", token.id));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  const auto less = [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; };
  const auto same = [](const AddedToken& a, const AddedToken& b) { return a.content == b.content; };
  // Two contents may be one after normalizing; the first of the file is meant.
  std::stable_sort(tokens_.begin(), tokens_.end(), less);
  tokens_.erase(std::unique(tokens_.begin(), tokens_.end(), same), tokens_.end());
  std::size_t at = 0;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    first_.at(byte) = static_cast<std::uint32_t>(at);
    while (at < tokens_.size() && static_cast<std::uint8_t>(tokens_[at].content[0]) == byte) ++at;
  }
  first_[256] = static_cast<std::uint32_t>(at);
}

const AddedToken* AddedTokenFinder::longest_at(std::string_view text) const {
  const auto first = static_cast<std::uint8_t>(text[0]);
  auto begin = tokens_.begin() + first_.at(first);
  auto end = tokens_.begin() + first_.at(std::size_t{first} + 1);
  const AddedToken* best = nullptr;
  // The tokens that share their first `depth` bytes with the text are begin to end; the shortest come first.
  for (std::size_t depth = 1; begin != end; ++depth) {
    if (begin->content.size() == depth) best = &*begin++;
    if (depth == text.size()) break;
    const auto byte_at = [depth](const AddedToken& token) { return static_cast<std::uint8_t>(token.content[depth]); };
    const auto next = static_cast<std::uint8_t>(text[depth]);
    begin = std::partition_point(begin, end, [&](const AddedToken& token) { return byte_at(token) < next; });
    end = std::partition_point(begin, end, [&](const AddedToken& token) { return byte_at(token) == next; });
  }
  return best;
}

void AddedTokenFinder::split(std::string_view all, const std::function<void(std::string_view)>& text,
                             const std::function<void(std::int32_t id)>& token) const {
  std::size_t done = 0;
  for (std::size_t at = 0; at < all.size();) {
    const AddedToken* found = longest_at(all.substr(at));
    if (found == nullptr) {
      ++at;
      continue;
    }
    std::size_t begin = at;
    std::size_t end = at + found->content.size();
    at = end;
    if (found->single_word && touches_word(all.substr(0, begin), all.substr(end))) continue;
    if (found->lstrip) begin = done < begin ? begin - trailing_spaces(all.substr(done, begin - done)) : done;
    if (found->rstrip) end += leading_spaces(all.substr(end));
    if (done < begin) text(all.substr(done, begin - done));
    if (begin < end) token(found->id);
    done = end;
  }
  if (done < all.size()) text(all.substr(done));
}

}  // namespace inferbench::tokenizer_json
