// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string_view>

namespace inferbench {

/// Cuts text into the pieces that byte-pair merges never cross, by GPT-2's regular expression
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// with Unicode's White_Space for \s, as its reference implementations read it. Letters and numbers are those of
/// PCRE2's Unicode version. Immutable; any number of threads may use one.
class Pretokenizer {
 public:
  Pretokenizer();

  /// Calls `piece` with consecutive parts of `text` that together are all of it. Bytes that are not valid UTF-8 (runs
  /// of them) are pieces of their own, and the text on both sides is cut as if it stood alone.
  void split(std::string_view text, const std::function<void(std::string_view)>& piece) const;

 private:
  struct Pattern;
  std::shared_ptr<const Pattern> pattern_;
};

}  // namespace inferbench
