// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "text/byte_alphabet.hpp"
#include "text/tokenizer_json/json_part.hpp"
#include "text/tokenizer_json/pattern.hpp"

namespace inferbench::tokenizer_json {

/// What turns tokens into text.
struct DecodeByteLevel {
  ByteAlphabet alphabet;
};
struct DecodeReplace {
  Pattern pattern;
  std::string content;
};
/// Tokens <0xNN> are bytes. (Bytes that are not UTF-8 come out as they are.)
struct DecodeByteFallback {};
/// What follows sees one token.
struct DecodeFuse {};
/// Up to `start` and `stop` times `content` is removed at the ends of each token.
struct DecodeStrip {
  std::string content;
  std::size_t start;
  std::size_t stop;
};
/// `replacement` is a space; in the first token nothing, if spaces were prepended.
struct DecodeMetaspace {
  std::string replacement;
  bool drops_first;
};
using Decoder =
    std::variant<DecodeByteLevel, DecodeReplace, DecodeByteFallback, DecodeFuse, DecodeStrip, DecodeMetaspace>;

/// Sequences are flattened. Throws Error.
std::vector<Decoder> read_decoders(const JsonPart& part);

/// A decoder at work on one text, and the ones after it. A token may come in several parts, because some of it is
/// known before all of it is.
class DecodeStage {
 public:
  explicit DecodeStage(std::unique_ptr<DecodeStage> next) : next_(std::move(next)) {}
  DecodeStage(const DecodeStage&) = delete;
  DecodeStage& operator=(const DecodeStage&) = delete;
  virtual ~DecodeStage() = default;

  /// `begins`: this is the first part of a token, and so the end of the one before. `ends`: this is surely the last.
  virtual void push(std::string_view text, bool begins, bool ends, std::string& out) = 0;
  virtual void finish(std::string& out) { next_->finish(out); }

 protected:
  DecodeStage& next() { return *next_; }

 private:
  std::unique_ptr<DecodeStage> next_;
};

/// `decoders` outlive it; nothing: the tokens with spaces between them.
std::unique_ptr<DecodeStage> make_decode_stages(const std::optional<std::vector<Decoder>>& decoders);

}  // namespace inferbench::tokenizer_json
