// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/split_behavior.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "model/in_quotes.hpp"

namespace inferbench::tokenizer_json {

SplitBehavior read_split_behavior(const JsonPart& part) {
  const std::string name = part.text();
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  part.fail(fmt::format("the behavior {} is not known", in_quotes(name)), kUseAnother);
}

void Splitter::begin(Pieces::Range piece) {
  parts_.clear();
  at_ = piece.begin;
  end_ = piece.end;
}

void Splitter::found(std::size_t begin, std::size_t end) {
  if (at_ != begin) add(at_, begin, false);
  add(begin, end, true);
  at_ = end;
}

void Splitter::merge_delimiters(int side) {
  // From the other side, so that what a delimiter joins is the last of `merged`.
  if (side > 0) std::reverse(parts_.begin(), parts_.end());
  std::vector<Part> merged;
  bool after_delimiter = false;
  for (const Part& part : parts_) {
    if (part.is_delimiter && !after_delimiter && !merged.empty()) {
      Pieces::Range& range = merged.back().range;
      range = {std::min(range.begin, part.range.begin), std::max(range.end, part.range.end)};
    } else {
      merged.push_back(part);
    }
    after_delimiter = part.is_delimiter;
  }
  if (side > 0) std::reverse(merged.begin(), merged.end());
  parts_ = std::move(merged);
}

void Splitter::merge_same() {
  std::vector<Part> merged;
  for (const Part& part : parts_) {
    if (!merged.empty() && merged.back().is_delimiter == part.is_delimiter) {
      merged.back().range.end = part.range.end;
    } else {
      merged.push_back(part);
    }
  }
  parts_ = std::move(merged);
}

void Splitter::finish(std::vector<Pieces::Range>& ranges) {
  if (at_ != end_) add(at_, end_, false);
  if (behavior_ == SplitBehavior::kMergedWithPrevious) merge_delimiters(-1);
  if (behavior_ == SplitBehavior::kMergedWithNext) merge_delimiters(1);
  if (behavior_ == SplitBehavior::kContiguous) merge_same();
  for (const Part& part : parts_) {
    const bool is_removed = behavior_ == SplitBehavior::kRemoved && part.is_delimiter;
    if (!is_removed && part.range.begin != part.range.end) ranges.push_back(part.range);
  }
}

}  // namespace inferbench::tokenizer_json
