// SPDX-License-Identifier: Apache-2.0
// libFuzzer target for the tokenizer. The first byte selects the form of the rest. 'v': vocab.json up to the first
// NUL, then merges.txt. 'm': merges.txt for a small valid vocabulary. Anything else: text.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "text/bpe_merger.hpp"
#include "text/byte_alphabet.hpp"
#include "text/pretokenizer.hpp"
#include "text/vocabulary.hpp"

namespace {

using inferbench::Vocabulary;
using inferbench::fuzz::require;

/// All bytes, and the tokens that the merges below produce.
std::string good_vocab() {
  const inferbench::ByteAlphabet alphabet;
  std::string text = "{";
  int id = 0;
  const auto add = [&](const std::string& token) {
    text += (id == 0 ? "\"" : ",\"") + token + "\":" + std::to_string(id);
    ++id;
  };
  for (unsigned byte = 0; byte < 256; ++byte) {
    const std::string& spelling = alphabet.spelling(static_cast<std::uint8_t>(byte));
    add(spelling == "\"" || spelling == "\\" ? "\\" + spelling : spelling);
  }
  for (const char* token : {"aa", "ab", "aaaa", "aba", "\u0120a", "\u0120\u0120", "\u00c3\u00a9"}) add(token);
  return text + "}";
}

constexpr std::string_view kGoodMerges =
    "#version: 0.2\na a\naa aa\na b\nab a\n\u0120 a\n\u0120 \u0120\n\u00c3 \u00a9\n";

void check_round_trip(const Vocabulary& vocabulary, std::string_view text) {
  static const inferbench::Pretokenizer kPretokenizer;
  inferbench::BpeMerger merger(vocabulary.merges());
  std::string cut;
  std::string decoded;
  kPretokenizer.split(text, [&](std::string_view piece) {
    require(!piece.empty(), "pieces have bytes");
    cut += piece;
    std::vector<std::int32_t> symbols;
    for (const char byte : piece) symbols.push_back(vocabulary.byte_token(static_cast<std::uint8_t>(byte)));
    std::vector<std::int32_t> ids;
    merger.merge(symbols, ids);
    for (const std::int32_t id : ids) {
      require(id >= 0 && id < vocabulary.size(), "ids are in the vocabulary");
      decoded += vocabulary.bytes(id);
    }
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      require(vocabulary.merges().find(ids[i], ids[i + 1]) == nullptr, "no merge is left undone");
    }
  });
  require(cut == text, "pieces are all of the text");
  require(decoded == text, "every text comes back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string kVocab = good_vocab();
  static const Vocabulary kVocabulary = Vocabulary::parse({"vocab.json", kVocab}, {"merges.txt", kGoodMerges});
  if (size == 0) return 0;
  const char kind = static_cast<char>(data[0]);
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (kind == 'v') {
      const std::size_t end = rest.find('\0');
      const std::string_view merges = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      check_round_trip(Vocabulary::parse({"vocab.json", rest.substr(0, end)}, {"merges.txt", merges}), "abab \xff");
    } else if (kind == 'm') {
      check_round_trip(Vocabulary::parse({"vocab.json", kVocab}, {"merges.txt", rest}), "aaabaab aba  a\u00e9\xc3");
    } else {
      check_round_trip(kVocabulary, rest);
    }
  } catch (const inferbench::Error& error) {
    inferbench::fuzz::check_error(error);
  }
  return 0;
}
