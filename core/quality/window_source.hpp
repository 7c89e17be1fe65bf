// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

#include "model/model.hpp"
#include "quality/window.hpp"
#include "text/token_stream.hpp"

namespace inferbench {

/// How much text was judged, to say a loss per byte and per word.
struct TextSize {
  std::uint64_t bytes = 0;
  std::uint64_t words = 0;  ///< runs of bytes without ASCII white space
};

/// A text cut into windows of the model's context, which start at multiples of `stride`: of the model's context, so
/// that each token is predicted from what is before it in its window; or of less, so that windows overlap and each
/// token is predicted from at least context - stride tokens (but those of the first window). Every token but the first
/// is judged once; the last window may be shorter.
class TextWindows {
 public:
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

  /// At most `limit` windows. `stride`: 1 to the context; 0 is the context. Throws Error as tokenizer_of, and where the
  /// file cannot be read or the stride is greater than the context.
  TextWindows(const Model& model, const std::filesystem::path& text, std::size_t limit = kAll, std::size_t stride = 0);

  /// The next windows, at most `n`; none at the end.
  std::vector<Window> next(std::size_t n);

  /// Share of the text that was read, 0 to 1.
  double progress() const { return stream_.progress(); }

  /// Of the tokens that the windows so far judge.
  const TextSize& judged() const { return judged_; }

 private:
  void count(const Window& window);

  Tokenizer tokenizer_;
  TokenStream stream_;
  std::size_t context_;
  std::size_t stride_;
  std::size_t left_;
  std::vector<std::int32_t> kept_;  ///< what the next window begins with
  bool first_ = true;
  bool in_word_ = false;  ///< the judged text so far ends inside a word
  TextSize judged_;
};

/// `n` windows of random ids, the same for the same model: as long as the context, at most 256 predictions each.
std::vector<std::vector<std::int32_t>> seeded_windows(const ModelConfig& config, std::size_t n);

}  // namespace inferbench
