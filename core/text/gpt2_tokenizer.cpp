// SPDX-License-Identifier: Apache-2.0
#include "text/gpt2_tokenizer.hpp"

#include <unordered_map>
#include <utility>

#include "text/bpe_merger.hpp"
#include "text/pretokenizer.hpp"
#include "text/vocabulary.hpp"

namespace inferbench {
namespace {

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

class Gpt2Decoder : public TokenDecoder {
 public:
  explicit Gpt2Decoder(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}
  void push(std::int32_t id, std::string& bytes) override { bytes += vocabulary_.bytes(id); }
  void finish(std::string&) override {}

 private:
  const Vocabulary& vocabulary_;
};

bool is_graphic(char c) {
  return c > ' ' && c < '\x7f';
}

class Gpt2Tokenizer : public TokenizerForm {
 public:
  explicit Gpt2Tokenizer(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

  std::vector<std::int32_t> encode(std::string_view bytes, bool) const override {
    std::vector<std::int32_t> ids;
    ids.reserve(bytes.size() / 3 + 1);
    std::vector<std::int32_t> symbols;
    PieceCache cache;
    BpeMerger merger(vocabulary_.merges());
    pretokenizer_.split(bytes, [&](std::string_view piece) {
      if (piece.size() == 1) {
        ids.push_back(vocabulary_.byte_token(static_cast<std::uint8_t>(piece[0])));
        return;
      }
      const std::size_t begin = ids.size();
      if (const PieceCache::Range* seen = cache.find(piece)) {
        for (std::size_t i = seen->begin; i < seen->end; ++i) ids.push_back(ids[i]);
        return;
      }
      symbols.clear();
      for (const char byte : piece) symbols.push_back(vocabulary_.byte_token(static_cast<std::uint8_t>(byte)));
      merger.merge(symbols, ids);
      cache.add(piece, {begin, ids.size()});
    });
    return ids;
  }

  std::vector<std::int32_t> add_special(std::vector<std::int32_t> ids) const override { return ids; }
  std::unique_ptr<TokenDecoder> decoder() const override { return std::make_unique<Gpt2Decoder>(vocabulary_); }
  std::int32_t size() const override { return vocabulary_.size(); }
  bool has(std::int32_t id) const override { return id >= 0 && id < vocabulary_.size(); }

  std::optional<std::int32_t> find_token(std::string_view text) const override {
    for (std::int32_t id = vocabulary_.size() - 1; id >= 0; --id) {  // special tokens are the last ones
      if (vocabulary_.bytes(id) == text) return id;
    }
    return std::nullopt;
  }

  // Before a single space that stands between two printable ASCII characters. GPT-2's pattern always begins a new piece
  // there, and looks no further.
  std::size_t last_cut(std::string_view text) const override {
    for (std::size_t i = text.size(); i-- > 2;) {
      if (is_graphic(text[i]) && text[i - 1] == ' ' && is_graphic(text[i - 2])) return i - 1;
    }
    return std::string_view::npos;
  }

 private:
  Vocabulary vocabulary_;
  Pretokenizer pretokenizer_;
};

}  // namespace

std::shared_ptr<const TokenizerForm> load_gpt2_tokenizer(const std::filesystem::path& vocab,
                                                         const std::filesystem::path& merges) {
  return std::make_shared<Gpt2Tokenizer>(Vocabulary::load(vocab, merges));
}

}  // namespace inferbench
