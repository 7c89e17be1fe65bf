// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench::tokenizer_json {

/// What pre-tokenizers work on: a text and the pieces of it that the model will see, in order. Not every byte of the
/// text is in a piece; no piece is empty.
struct Pieces {
  struct Range {
    std::size_t begin;
    std::size_t end;
  };

  std::string text;
  std::vector<Range> ranges;
  bool at_start;  ///< the first byte of the text is the first one of all that is encoded

  Pieces(std::string all, bool is_at_start) : text(std::move(all)), at_start(is_at_start) {
    if (!text.empty()) ranges.push_back({0, text.size()});
  }

  std::string_view view(Range range) const {
    return std::string_view(text).substr(range.begin, range.end - range.begin);
  }
  bool is_first(Range range) const { return at_start && range.begin == 0; }
};

}  // namespace inferbench::tokenizer_json
