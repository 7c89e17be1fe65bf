// SPDX-License-Identifier: Apache-2.0
#include "quality/window_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "model/synthetic_formula.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "text/model_text.hpp"

namespace inferbench {

namespace {

constexpr std::int32_t kSeededTokens = 256;
constexpr std::int32_t kDefaultWindow = 2048;
constexpr std::uint64_t kFirstStream = fnv1a64("quality");  // far from the streams that trials use

}  // namespace

std::size_t default_window(const ModelConfig& config) {
  return static_cast<std::size_t>(std::min(config.max_positions, kDefaultWindow));
}

TextWindows::TextWindows(const Model& model, const std::filesystem::path& text, std::size_t limit, std::size_t stride,
                         std::size_t context)
    : tokenizer_(tokenizer_of(model)),
      stream_(tokenizer_, text),
      context_(context == 0 ? default_window(model.config()) : context),
      stride_(stride == 0 ? context_ : stride),
      left_(limit) {
  if (const auto most = static_cast<std::size_t>(model.config().max_positions); context_ > most) {
    throw Error(fmt::format("a context of {} exceeds the model's {}", counted(context_, "token"), most),
                fmt::format("give a context from 1 to {}", most));
  }
  if (stride_ <= context_) return;
  throw Error(fmt::format("a stride of {} would skip tokens: the context is {}", counted(stride_, "token"), context_),
              fmt::format("give a stride from 1 to {}", context_));
}

std::vector<Window> TextWindows::next(std::size_t n) {
  std::vector<Window> windows;
  for (; windows.size() < n && left_ > 0; --left_) {
    if (kept_.empty()) kept_ = stream_.read(1);
    const std::vector<std::int32_t> more = stream_.read(context_ + 1 - kept_.size());
    if (more.empty()) break;
    Window window{std::exchange(kept_, {}), 0};
    if (!std::exchange(first_, false)) window.first_judged = window.ids.size() - 1;
    window.ids.insert(window.ids.end(), more.begin(), more.end());
    if (window.ids.size() > stride_) {
      kept_.assign(window.ids.begin() + static_cast<std::ptrdiff_t>(stride_), window.ids.end());
    }
    count(window);
    windows.push_back(std::move(window));
  }
  return windows;
}

void TextWindows::count(const Window& window) {
  const std::string text = tokenizer_.decode(std::span(window.ids).subspan(window.first_judged + 1));
  judged_.bytes += text.size();
  for (const char c : text) {
    const bool space = std::string_view(" \t\n\r\v\f").find(c) != std::string_view::npos;
    if (!space && !in_word_) ++judged_.words;
    in_word_ = !space;
  }
}

std::vector<std::vector<std::int32_t>> seeded_windows(const ModelConfig& config, std::size_t n) {
  const auto ids = static_cast<std::size_t>(std::min(config.max_positions, kSeededTokens)) + 1;
  std::vector<std::vector<std::int32_t>> windows;
  for (std::size_t w = 0; w < n; ++w) windows.push_back(synthetic_prompt(kFirstStream + w, ids, config.vocab_size));
  return windows;
}

}  // namespace inferbench
