// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "text/byte_alphabet.hpp"
#include "text/pretokenizer.hpp"
#include "text/tokenizer_json/json_part.hpp"
#include "text/tokenizer_json/pattern.hpp"
#include "text/tokenizer_json/pieces.hpp"
#include "text/tokenizer_json/split_behavior.hpp"
#include "text/tokenizer_json/work_limit.hpp"

namespace inferbench::tokenizer_json {

/// What cuts the text into the pieces that merges never cross.
struct ByteLevelCut {
  bool add_prefix_space;
  bool use_regex;  ///< cut as GPT-2 does
  Pretokenizer gpt2;
  ByteAlphabet alphabet;  ///< then each byte is spelled in it
};
struct SplitCut {
  Pattern pattern;
  SplitBehavior behavior;
  bool invert;
};
enum class PrependScheme { kAlways, kFirst, kNever };
struct MetaspaceCut {
  std::string replacement;  ///< one character, for every space
  PrependScheme scheme;     ///< before pieces that don't start with it: all, the first of the text, none
  bool split;               ///< cut before each
};
struct DigitsCut {
  bool individual;
};
struct PunctuationCut {
  SplitBehavior behavior;
};
using PreTokenizer = std::variant<ByteLevelCut, SplitCut, MetaspaceCut, DigitsCut, PunctuationCut>;

/// Sequences are flattened. Throws Error.
std::vector<PreTokenizer> read_pre_tokenizers(const JsonPart& part);

/// Throws Error if a pattern takes too long.
void pre_tokenize(const std::vector<PreTokenizer>& pre_tokenizers, Pieces& pieces, WorkLimit& limit);

/// For Metaspace, as a pre-tokenizer or decoder: also the older form, `add_prefix_space` without `prepend_scheme`.
PrependScheme read_prepend_scheme(const JsonPart& part);
/// A string of one character.
std::string read_character(const JsonPart& part);

}  // namespace inferbench::tokenizer_json
