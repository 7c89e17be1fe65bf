// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "text/tokenizer_json/json_part.hpp"
#include "text/tokenizer_json/pieces.hpp"

namespace inferbench::tokenizer_json {

/// What becomes of the delimiters when a piece is split at them.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

/// Throws Error.
SplitBehavior read_split_behavior(const JsonPart& part);

/// The delimiters and what is between them, as they are found in one piece; then what they become.
class Splitter {
 public:
  /// `invert`: what is found is kept, and what is between are the delimiters.
  Splitter(SplitBehavior behavior, bool invert) : behavior_(behavior), invert_(invert) {}

  void begin(Pieces::Range piece);
  /// Found at begin to end of the text, in order. Both are in the piece.
  void found(std::size_t begin, std::size_t end);
  /// Appends what the piece becomes.
  void finish(std::vector<Pieces::Range>& ranges);

 private:
  struct Part {
    Pieces::Range range;
    bool is_delimiter;
  };
  void add(std::size_t begin, std::size_t end, bool is_found) { parts_.push_back({{begin, end}, is_found != invert_}); }
  /// Each delimiter joins the part on its `side` (-1: the one before it) unless that is a delimiter, too.
  void merge_delimiters(int side);
  void merge_same();

  SplitBehavior behavior_;
  bool invert_;
  std::size_t end_ = 0;
  std::size_t at_ = 0;
  std::vector<Part> parts_;
};

}  // namespace inferbench::tokenizer_json
