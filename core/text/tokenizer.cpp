// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer.hpp"

#include <fmt/format.h>

#include <limits>
#include <unordered_map>

#include "support/error.hpp"
#include "text/bpe_merger.hpp"
#include "text/pretokenizer.hpp"
#include "text/vocabulary.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

/// Where the ids of a piece that was seen before lie in the output. Views into the text: nothing is copied.
class PieceCache {
 public:
  struct Range {
    std::size_t begin;
    std::size_t end;
  };

  const Range* find(std::string_view piece) const {
    const auto found = ranges_.find(piece);
    return found == ranges_.end() ? nullptr : &found->second;
  }
  void add(std::string_view piece, Range range) {
    if (ranges_.size() < kMaxPieces && piece.size() <= kMaxPieceBytes) ranges_.emplace(piece, range);
  }

 private:
  static constexpr std::size_t kMaxPieces = std::size_t{1} << 16U;
  static constexpr std::size_t kMaxPieceBytes = 64;
  std::unordered_map<std::string_view, Range> ranges_;
};

void check_files(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw Error(fmt::format("{}: no such folder", folder.string()), "give a folder with vocab.json and merges.txt");
  }
  std::string missing;
  for (const char* name : {"vocab.json", "merges.txt"}) {
    if (!fs::exists(folder / name, error)) missing += (missing.empty() ? "" : " and ") + std::string(name);
  }
  if (missing.empty()) return;
  const bool fast_only = fs::exists(folder / "tokenizer.json", error);
  throw Error(fmt::format("{}: no tokenizer there: missing {}", folder.string(), missing),
              fast_only ? "tokenizer.json alone is not read: put the model's vocab.json and merges.txt beside it"
                        : "put the model's vocab.json and merges.txt into this folder");
}

}  // namespace

struct Tokenizer::Impl {
  Vocabulary vocabulary;
  Pretokenizer pretokenizer;
};

Tokenizer::Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Tokenizer Tokenizer::load(const fs::path& folder) {
  check_files(folder);
  return Tokenizer(
      std::make_shared<const Impl>(Impl{Vocabulary::load(folder / "vocab.json", folder / "merges.txt"), {}}));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view bytes) const {
  if (bytes.size() > std::numeric_limits<std::int32_t>::max()) {
    throw Error(fmt::format("a text of {} bytes is too large to tokenize at once", bytes.size()),
                "cut it into parts below 2 GiB");
  }
  std::vector<std::int32_t> ids;
  ids.reserve(bytes.size() / 3 + 1);
  PieceCache cache;
  BpeMerger merger(impl_->vocabulary);
  impl_->pretokenizer.split(bytes, [&](std::string_view piece) {
    if (piece.size() == 1) {
      ids.push_back(impl_->vocabulary.byte_token(static_cast<std::uint8_t>(piece[0])));
      return;
    }
    const std::size_t begin = ids.size();
    if (const PieceCache::Range* seen = cache.find(piece)) {
      for (std::size_t i = seen->begin; i < seen->end; ++i) ids.push_back(ids[i]);
      return;
    }
    merger.encode(piece, ids);
    cache.add(piece, {begin, ids.size()});
  });
  return ids;
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids) const {
  std::string bytes;
  bytes.reserve(ids.size() * 4);
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= size()) {
      throw Error(fmt::format("token id {} is outside the vocabulary (0 to {})", id, size() - 1),
                  "decode with the model that the ids came from");
    }
    bytes += impl_->vocabulary.bytes(id);
  }
  return bytes;
}

std::int32_t Tokenizer::size() const {
  return impl_->vocabulary.size();
}

}  // namespace inferbench
