// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/pre_tokenizers.hpp"

#include <fmt/format.h>

#include <utility>

#include "model/in_quotes.hpp"
#include "support/utf8.hpp"
#include "text/tokenizer_json/unicode.hpp"

namespace inferbench::tokenizer_json {
namespace {

PreTokenizer read_pre_tokenizer(const JsonPart& part) {
  const std::string type = part.at("type").text();
  if (type == "ByteLevel") {
    return ByteLevelCut{part.flag_or("add_prefix_space", true), part.flag_or("use_regex", true), {}, {}};
  }
  if (type == "Split") {
    return SplitCut{Pattern::read(part.at("pattern")), read_split_behavior(part.at("behavior")),
                    part.flag_or("invert", false)};
  }
  if (type == "Metaspace") {
    return MetaspaceCut{read_character(part.at("replacement")), read_prepend_scheme(part), part.flag_or("split", true)};
  }
  if (type == "Digits") return DigitsCut{part.flag_or("individual_digits", false)};
  if (type == "Punctuation") {
    const auto behavior = part.find("behavior");
    return PunctuationCut{behavior ? read_split_behavior(*behavior) : SplitBehavior::kIsolated};
  }
  part.fail_unknown("pre-tokenizer", type);
}

/// Rebuilds the text piece by piece.
class PieceWriter {
 public:
  explicit PieceWriter(Pieces& pieces) : pieces_(pieces) {
    text_.reserve(pieces.text.size());
    ranges_.reserve(pieces.ranges.size());
  }

  std::string& text() { return text_; }
  /// What was added to the text since the last call is a piece.
  void end_piece() {
    if (text_.size() > begin_) ranges_.push_back({begin_, text_.size()});
    begin_ = text_.size();
  }
  void finish() {
    pieces_.at_start = !pieces_.ranges.empty() && pieces_.is_first(pieces_.ranges.front());
    pieces_.text = std::move(text_);
    pieces_.ranges = std::move(ranges_);
  }

 private:
  Pieces& pieces_;
  std::string text_;
  std::vector<Pieces::Range> ranges_;
  std::size_t begin_ = 0;
};

class PreTokenizerStep {
 public:
  PreTokenizerStep(Pieces& pieces, WorkLimit& limit) : pieces_(pieces), limit_(limit) {}

  void operator()(const ByteLevelCut& cut) {
    PieceWriter writer(pieces_);
    std::string prefixed;
    const auto spell = [&](std::string_view piece) {
      for (const char byte : piece) writer.text() += cut.alphabet.spelling(static_cast<std::uint8_t>(byte));
      writer.end_piece();
    };
    for (const Pieces::Range range : pieces_.ranges) {
      std::string_view piece = pieces_.view(range);
      if (cut.add_prefix_space && !piece.starts_with(' ')) {
        prefixed = ' ';
        prefixed += piece;
        piece = prefixed;
      }
      if (cut.use_regex) {
        cut.gpt2.split(piece, spell);
      } else {
        spell(piece);
      }
    }
    writer.finish();
  }

  void operator()(const SplitCut& cut) {
    Splitter splitter(cut.behavior, cut.invert);
    split(splitter,
          [&](std::string_view piece, const Regex::Found& found) { cut.pattern.for_each(piece, limit_, found); });
  }

  void operator()(const MetaspaceCut& cut) {
    PieceWriter writer(pieces_);
    for (const Pieces::Range range : pieces_.ranges) {
      const std::string_view piece = pieces_.view(range);
      const bool prepends =
          cut.scheme == PrependScheme::kAlways || (cut.scheme == PrependScheme::kFirst && pieces_.is_first(range));
      if (prepends && !piece.starts_with(' ') && !piece.starts_with(cut.replacement)) writer.text() += cut.replacement;
      for (std::size_t at = 0; at < piece.size();) {
        const bool is_space = piece[at] == ' ';
        const bool is_mark = is_space || piece.substr(at).starts_with(cut.replacement);
        if (is_mark && cut.split) writer.end_piece();
        if (is_mark) {
          writer.text() += cut.replacement;
        } else {
          writer.text() += piece[at];
        }
        at += is_mark && !is_space ? cut.replacement.size() : 1;
      }
      writer.end_piece();
    }
    writer.finish();
  }

  void operator()(const DigitsCut& cut) {
    split_characters(cut.individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous, is_number);
  }
  void operator()(const PunctuationCut& cut) { split_characters(cut.behavior, is_punctuation); }

 private:
  template <typename ForEach>
  void split(Splitter& splitter, const ForEach& for_each) {
    std::vector<Pieces::Range> ranges;
    for (const Pieces::Range range : pieces_.ranges) {
      splitter.begin(range);
      for_each(pieces_.view(range), [&splitter, range](std::size_t begin, std::size_t end) {
        splitter.found(range.begin + begin, range.begin + end);
      });
      splitter.finish(ranges);
    }
    pieces_.ranges = std::move(ranges);
  }

  void split_characters(SplitBehavior behavior, bool (*is_delimiter)(std::int32_t)) {
    Splitter splitter(behavior, false);
    split(splitter, [&](std::string_view piece, const auto& found) {
      for (std::size_t at = 0; at < piece.size();) {
        const Character character = first_character(piece.substr(at));
        if (is_delimiter(character.code)) found(at, at + character.n_bytes);
        at += character.n_bytes;
      }
    });
  }

  Pieces& pieces_;
  WorkLimit& limit_;
};

}  // namespace

std::vector<PreTokenizer> read_pre_tokenizers(const JsonPart& part) {
  std::vector<PreTokenizer> all;
  for (const JsonPart& member : flatten_sequences(part, "pretokenizers")) all.push_back(read_pre_tokenizer(member));
  return all;
}

void pre_tokenize(const std::vector<PreTokenizer>& pre_tokenizers, Pieces& pieces, WorkLimit& limit) {
  PreTokenizerStep step(pieces, limit);
  for (const PreTokenizer& pre_tokenizer : pre_tokenizers) std::visit(step, pre_tokenizer);
}

PrependScheme read_prepend_scheme(const JsonPart& part) {
  const auto scheme = part.find("prepend_scheme");
  if (!scheme) return part.flag_or("add_prefix_space", true) ? PrependScheme::kAlways : PrependScheme::kNever;
  const std::string name = scheme->text();
  if (name == "always") return PrependScheme::kAlways;
  if (name == "first") return PrependScheme::kFirst;
  if (name == "never") return PrependScheme::kNever;
  scheme->fail(fmt::format("the scheme {} is not known", in_quotes(name)), kUseAnother);
}

std::string read_character(const JsonPart& part) {
  std::string text = part.text();
  if (text.empty() || utf8_length(text) != text.size()) {
    part.fail(fmt::format("expected one character, found {}", in_quotes(text)));
  }
  return text;
}

}  // namespace inferbench::tokenizer_json
