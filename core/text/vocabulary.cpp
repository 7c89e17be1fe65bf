// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/in_quotes.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "text/byte_alphabet.hpp"
#include "text/tokenizer_file.hpp"
#include "text/vocab_json.hpp"

namespace inferbench {
namespace {

constexpr const char* kTakeBothAgain = "take vocab.json and merges.txt again, both from the same model";

using TokenIds = std::unordered_map<std::string, std::int32_t>;

/// Fills id -> entry, so that a second owner of an id can name the first.
std::vector<const VocabEntry*> order_by_id(const std::vector<VocabEntry>& entries, const std::string& file) {
  std::vector<const VocabEntry*> by_id(entries.size());
  const VocabEntry* beyond = nullptr;
  for (const VocabEntry& entry : entries) {
    const auto id = static_cast<std::size_t>(entry.id);
    if (id >= by_id.size()) {
      beyond = &entry;
      continue;
    }
    if (by_id[id] != nullptr) {
      throw Error(fmt::format("{}:{}: tokens {} (line {}) and {} have the same id {}", file, entry.line,
                              in_quotes(by_id[id]->token), by_id[id]->line, in_quotes(entry.token), entry.id),
                  kTakeBothAgain);
    }
    by_id[id] = &entry;
  }
  if (beyond == nullptr) return by_id;
  for (std::size_t id = 0; id < by_id.size(); ++id) {
    if (by_id[id] == nullptr) {
      throw Error(fmt::format("{}:{}: token {} has id {}, but of {} none has id {}", file, beyond->line,
                              in_quotes(beyond->token), beyond->id, counted(entries.size(), "token"), id),
                  kTakeBothAgain);
    }
  }
  return by_id;
}

}  // namespace

Vocabulary Vocabulary::load(const std::filesystem::path& vocab_file, const std::filesystem::path& merges_file) {
  const std::string vocab = read_tokenizer_file(vocab_file, kTakeBothAgain);
  const std::string merges = read_tokenizer_file(merges_file, kTakeBothAgain);
  return parse({vocab_file.string(), vocab}, {merges_file.string(), merges});
}

Vocabulary Vocabulary::parse(const File& vocab, const File& merges) {
  const std::string& file = vocab.name;
  const std::vector<VocabEntry> entries = parse_vocab_json(vocab.text, file);
  TokenIds ids;
  ids.reserve(entries.size());
  for (const VocabEntry& entry : entries) {
    if (!ids.emplace(entry.token, entry.id).second) {
      throw Error(fmt::format("{}:{}: token {} is there twice", file, entry.line, in_quotes(entry.token)),
                  kTakeBothAgain);
    }
  }

  Vocabulary vocabulary;
  const ByteAlphabet alphabet;
  vocabulary.bytes_.reserve(entries.size());
  for (const VocabEntry* entry : order_by_id(entries, file)) {
    // A token outside the alphabet was added by hand; it stands for its own text.
    vocabulary.bytes_.push_back(alphabet.to_bytes(entry->token).value_or(entry->token));
  }
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string& spelling = alphabet.spelling(static_cast<std::uint8_t>(byte));
    const auto found = ids.find(spelling);
    if (found == ids.end()) {
      throw Error(fmt::format("{}:1: no token for byte {:#04x}, spelled '{}'", file, byte, spelling), kTakeBothAgain);
    }
    vocabulary.byte_token_.at(byte) = found->second;
  }
  vocabulary.read_merges(merges, ids);
  return vocabulary;
}

void Vocabulary::read_merges(const File& file, const TokenIds& ids) {
  std::string_view rest = file.text;
  for (std::int64_t number = 1; !rest.empty(); ++number) {
    const auto end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    // A '#' by itself is a token like any other; only the first line may be a comment.
    if (line.empty() || (number == 1 && line.starts_with("#version"))) continue;
    try {
      add_merge(line, ids);
    } catch (const Error& error) {
      throw Error(fmt::format("{}:{}: {}", file.name, number, error.what()), error.cure());
    }
  }
}

void Vocabulary::add_merge(std::string_view line, const TokenIds& ids) {
  const auto space = line.find(' ');
  if (space == std::string_view::npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != std::string_view::npos) {
    throw Error(fmt::format("expected two tokens with one space between them, found {} spaces in {}",
                            std::count(line.begin(), line.end(), ' '), in_quotes(line)),
                kTakeBothAgain);
  }
  const auto id_of = [&](const std::string& token) {
    const auto found = ids.find(token);
    if (found == ids.end()) throw Error(fmt::format("token {} is not in vocab.json", in_quotes(token)), kTakeBothAgain);
    return found->second;
  };
  const std::string left(line.substr(0, space));
  const std::string right(line.substr(space + 1));
  const std::int32_t left_id = id_of(left);
  const std::int32_t right_id = id_of(right);
  const auto rank = static_cast<std::int32_t>(merges_.size());
  if (!merges_.set(left_id, right_id, {rank, id_of(left + right)})) {
    throw Error(fmt::format("merge {} is there twice", in_quotes(line)), kTakeBothAgain);
  }
}

}  // namespace inferbench
