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

/// Amount of judged text, for a loss per byte and per word.
struct TextSize {
  std::uint64_t bytes = 0;
  std::uint64_t words = 0;  ///< runs of bytes without ASCII white space
};

/// Tokens that a window of a text predicts from, unless the user says otherwise: the model's context, but at most 2048.
/// A context of 131072 would take memory and time of which nobody asked.
std::size_t default_window(const ModelConfig& config);

/// A text cut into windows of `context` tokens, starting at multiples of `stride`. If the stride is the
/// context, each token is predicted from the tokens before it in its window. If it is less, the windows overlap and
/// each token is predicted from at least context - stride tokens (except in the first window). Every token but the
/// first is judged once; the last window may be shorter.
class TextWindows {
 public:
  static constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

  /// At most `limit` windows. `stride`: 1 to the context; 0 means the context. `context`: 1 to the model's positions; 0
  /// means default_window. Throws Error like tokenizer_of, and if the file cannot be read, the stride is greater than
  /// the context, or the context is greater than the model's.
  TextWindows(const Model& model, const std::filesystem::path& text, std::size_t limit = kAll, std::size_t stride = 0,
              std::size_t context = 0);

  std::size_t context() const { return context_; }

  /// The next windows, at most `n`; empty at the end of the text.
  std::vector<Window> next(std::size_t n);

  /// Share of the text read so far, 0 to 1.
  double progress() const { return stream_.progress(); }

  /// Size of the text that the windows so far judge.
  const TextSize& judged() const { return judged_; }

 private:
  void count(const Window& window);

  Tokenizer tokenizer_;
  TokenStream stream_;
  std::size_t context_;
  std::size_t stride_;
  std::size_t left_;
  std::vector<std::int32_t> kept_;  ///< the first ids of the next window
  bool first_ = true;
  bool in_word_ = false;  ///< the judged text so far ends inside a word
  TextSize judged_;
};

/// `n` windows of random ids, which depend only on the model's config: as long as its context, at most 256
/// predictions each.
std::vector<std::vector<std::int32_t>> seeded_windows(const ModelConfig& config, std::size_t n);

}  // namespace inferbench
