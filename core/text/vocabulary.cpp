// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include "model/in_quotes.hpp"
#include "support/error.hpp"
#include "text/byte_alphabet.hpp"
#include "text/vocab_json.hpp"

namespace inferbench {
namespace {

constexpr std::uintmax_t kMaxFileBytes = 256U << 20U;
constexpr const char* kTakeBothAgain = "take vocab.json and merges.txt again, both from the same model";

using TokenIds = std::unordered_map<std::string, std::int32_t>;

std::string read_text_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw Error(fmt::format("{}: {}", path.string(), error.message()), kTakeBothAgain);
  if (size > kMaxFileBytes) {
    throw Error(fmt::format("{}: {} bytes are more than a tokenizer file can have", path.string(), size),
                kTakeBothAgain);
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.view().size() != size) {
    throw Error(fmt::format("{}: cannot be read: {}", path.string(), std::generic_category().message(errno)),
                "check the file's permissions");
  }
  return std::move(text).str();
}

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
      throw Error(fmt::format("{}:{}: token {} has id {}, but there are {} tokens and none has id {}", file,
                              beyond->line, in_quotes(beyond->token), beyond->id, entries.size(), id),
                  kTakeBothAgain);
    }
  }
  return by_id;
}

}  // namespace

Vocabulary Vocabulary::load(const std::filesystem::path& vocab_file, const std::filesystem::path& merges_file) {
  const std::string vocab = read_text_file(vocab_file);
  const std::string merges = read_text_file(merges_file);
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
  const auto left_id = static_cast<std::uint32_t>(id_of(left));
  const auto right_id = static_cast<std::uint32_t>(id_of(right));
  const Merge merge{static_cast<std::int32_t>(merges_.size()), id_of(left + right)};
  if (!merges_.emplace(std::uint64_t{left_id} << 32U | right_id, merge).second) {
    throw Error(fmt::format("merge {} is there twice", in_quotes(line)), kTakeBothAgain);
  }
}

const Vocabulary::Merge* Vocabulary::find_merge(std::int32_t left, std::int32_t right) const {
  const auto found =
      merges_.find(std::uint64_t{static_cast<std::uint32_t>(left)} << 32U | static_cast<std::uint32_t>(right));
  return found == merges_.end() ? nullptr : &found->second;
}

}  // namespace inferbench
