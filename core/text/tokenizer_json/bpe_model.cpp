// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/bpe_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "model/in_quotes.hpp"
#include "support/counted.hpp"
#include "support/utf8.hpp"
#include "text/tokenizer_json/unicode.hpp"

namespace inferbench::tokenizer_json {
namespace {

constexpr std::size_t kJoinedBits = std::size_t{1} << 21U;  // 256 KiB; published vocabularies have up to 34000 pairs

std::uint64_t joined_hash(std::int32_t left, std::int32_t right) {
  const std::uint64_t pair = std::uint64_t{static_cast<std::uint32_t>(left)} << 32U | static_cast<std::uint32_t>(right);
  return ((pair * 0x9E3779B97F4A7C15U) >> 32U) % kJoinedBits;
}

void refuse_if_set(const JsonPart& part, std::string_view key) {
  const auto value = part.find(key);
  if (!value) return;
  double number = 0;
  if (value->element().get(number) == simdjson::SUCCESS && number == 0) return;
  if (value->element().is_string() && value->text().empty()) return;
  value->fail("is not supported", kUseAnother);
}

}  // namespace

BpeModel::BpeModel(const JsonPart& part, std::size_t n_added, std::span<const std::int32_t> merge_ranks)
    : where_(part.where()), joined_(kJoinedBits / 64) {
  const std::string type = part.find("type") ? part.at("type").text() : "BPE";
  if (type != "BPE") part.fail_unknown("model", type);
  for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) refuse_if_set(part, key);
  ignore_merges_ = part.flag_or("ignore_merges", false);
  byte_fallback_ = part.flag_or("byte_fallback", false);
  fuse_unknown_ = part.flag_or("fuse_unk", false);
  read_vocabulary(part.at("vocab"), n_added);
  if (const auto unknown = part.find("unk_token")) {
    unknown_ = unknown->text();
    unknown_id_ = id_of(unknown_);
  }
  index_characters();
  read_merges(part.at("merges"), merge_ranks);
}

void BpeModel::read_vocabulary(const JsonPart& part, std::size_t n_added) {
  const simdjson::dom::object entries = part.object();
  std::size_t n_entries = 0;
  for (auto entry = entries.begin(); entry != entries.end(); ++entry) ++n_entries;
  ids_.reserve(n_entries);
  std::vector<bool> is_taken(n_entries + n_added);
  tokens_.reserve(n_entries);
  for (const simdjson::dom::key_value_pair entry : entries) {
    std::int64_t id = 0;
    if (entry.value.get(id) != simdjson::SUCCESS || id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
      part.fail(fmt::format("the id of {} must be an integer from 0 to 2147483647", in_quotes(entry.key)));
    }
    const auto index = static_cast<std::size_t>(id);
    if (index >= is_taken.size()) {
      part.fail(fmt::format("{} has the id {}, but there are only {}", in_quotes(entry.key), id,
                            counted(is_taken.size(), "token")));
    }
    if (is_taken[index]) {
      part.fail(fmt::format("{} and {} have the same id {}", in_quotes(tokens_[index]), in_quotes(entry.key), id));
    }
    is_taken[index] = true;
    if (index >= tokens_.size()) tokens_.resize(index + 1);
    tokens_[index] = entry.key;
  }
  for (std::size_t id = 0; id < tokens_.size(); ++id) {
    if (!is_taken[id]) continue;  // an added token's
    if (!ids_.emplace(tokens_[id], static_cast<std::int32_t>(id)).second) {
      part.fail(fmt::format("{} is there twice", in_quotes(tokens_[id])));
    }
  }
}

void BpeModel::index_characters() {
  for (std::size_t c = 0; c < ascii_ids_.size(); ++c) {
    const char byte = static_cast<char>(c);
    ascii_ids_.at(c) = id_of(std::string_view(&byte, 1));
  }
  for (unsigned byte = 0; byte < 256; ++byte) byte_tokens_.at(byte) = id_of(fmt::format("<0x{:02X}>", byte));
}

void BpeModel::read_merges(const JsonPart& part, std::span<const std::int32_t> ranks) {
  const simdjson::dom::array list = part.array();
  merges_.reserve(list.size());
  std::int32_t rank = 0;
  for (const simdjson::dom::element element : list) {
    std::string_view line;
    simdjson::dom::array pair;
    std::string_view left;
    std::string_view right;
    if (element.get(line) == simdjson::SUCCESS) {
      const std::size_t space = line.find(' ');
      if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
        part.fail(fmt::format("merge {}, {}, is not two tokens with one space between them", rank, in_quotes(line)));
      }
      left = line.substr(0, space);
      right = line.substr(space + 1);
    } else if (element.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
               pair.at(0).get(left) != simdjson::SUCCESS || pair.at(1).get(right) != simdjson::SUCCESS) {
      part.fail(fmt::format("merge {} is neither a string nor a pair of strings", rank));
    }
    add_merge(part, ranks.empty() ? rank : ranks[static_cast<std::size_t>(rank)], left, right);
    ++rank;
  }
}

void BpeModel::add_merge(const JsonPart& part, std::int32_t rank, std::string_view left, std::string_view right) {
  const auto need = [&](std::string_view token) {
    const std::int32_t id = id_of(token);
    if (token.empty() || id == kNone) {
      part.fail(fmt::format("merge {} needs the token {}, which is not in the vocabulary", rank, in_quotes(token)));
    }
    return id;
  };
  const std::int32_t left_id = need(left);
  const std::int32_t right_id = need(right);
  merges_.set(left_id, right_id, {rank, need(std::string(left).append(right))});
  const std::uint64_t bit = joined_hash(last_character(left).code, first_character(right).code);
  joined_[bit / 64] |= std::uint64_t{1} << (bit % 64);
  // The unknown token and those of bytes stand for other characters than they are written with.
  const auto is_stand_in = [this](std::string_view token, std::int32_t id) {
    if (id == unknown_id_) return true;
    return token.size() == 6 && token.starts_with("<0x") &&
           std::find(byte_tokens_.begin(), byte_tokens_.end(), id) != byte_tokens_.end();
  };
  if (is_stand_in(left, left_id) || is_stand_in(right, right_id)) can_cut_ = false;
}

std::int32_t BpeModel::id_of(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? kNone : found->second;
}

bool BpeModel::has_id(std::int32_t id) const {
  const auto index = static_cast<std::size_t>(id);
  return index < tokens_.size() && (!tokens_[index].empty() || id_of("") == id);
}

std::int32_t BpeModel::character_id(std::string_view character) const {
  if (character.size() == 1) return ascii_ids_[static_cast<std::uint8_t>(character[0])];
  return id_of(character);
}

bool BpeModel::may_join(std::int32_t left, std::int32_t right) const {
  const std::uint64_t bit = joined_hash(left, right);
  return (joined_[bit / 64] >> (bit % 64) & 1U) != 0;
}

void BpeModel::append_symbols(std::string_view piece, std::vector<std::int32_t>& symbols) const {
  // As the published library: an unknown token is only added when the next known character comes.
  std::size_t n_unknown = 0;  // 0 or 1
  const auto add_unknown = [&] {
    symbols.insert(symbols.end(), n_unknown, unknown_id_);
    n_unknown = 0;
  };
  while (!piece.empty()) {
    const std::string_view character = piece.substr(0, std::max<std::size_t>(1, utf8_length(piece)));
    piece.remove_prefix(character.size());
    const std::int32_t id = character_id(character);
    if (id != kNone) {
      add_unknown();
      symbols.push_back(id);
      continue;
    }
    const auto has_token = [this](char byte) { return byte_token(static_cast<std::uint8_t>(byte)) != kNone; };
    if (byte_fallback_ && std::all_of(character.begin(), character.end(), has_token)) {
      for (const char byte : character) symbols.push_back(byte_token(static_cast<std::uint8_t>(byte)));
    } else if (unknown_id_ != kNone) {
      if (!fuse_unknown_) add_unknown();
      n_unknown = 1;
    } else if (!unknown_.empty()) {
      throw Error(fmt::format("{}: the text needs the unknown token {}, which is not in the vocabulary", where_,
                              in_quotes(unknown_)),
                  kTakeAgain);
    }
  }
  add_unknown();
}

std::size_t BpeModel::first_part(std::string_view piece) const {
  if (!can_cut_) return piece.size();
  std::size_t at = 0;
  Character last{};
  bool last_is_known = false;
  while (at < piece.size()) {
    const Character next = first_character(piece.substr(at));
    const bool is_known = character_id(piece.substr(at, next.n_bytes)) != kNone;
    // Unknown characters next to each other may become one token.
    if (at > 0 && last_is_known && is_known && !may_join(last.code, next.code)) return at;
    last = next;
    last_is_known = is_known;
    at += next.n_bytes;
  }
  return at;
}

}  // namespace inferbench::tokenizer_json
