// SPDX-License-Identifier: Apache-2.0
#include "quality/window_source.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "model/synthetic_formula.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr std::int32_t kSeededTokens = 256;
constexpr std::uint64_t kFirstStream = fnv1a64("quality");  // far from the streams that trials take

Tokenizer tokenizer_of(const Model& model) {
  if (!model.folder()) {
    throw Error(fmt::format("{} has no tokenizer: its weights are made up", model.reference()),
                "give a folder or a hub name, such as gpt2");
  }
  return Tokenizer::load(*model.folder());
}

}  // namespace

TextWindows::TextWindows(const Model& model, const std::filesystem::path& text, std::size_t limit)
    : stream_(tokenizer_of(model), text),
      context_(static_cast<std::size_t>(model.config().context)),
      vocab_(model.config().vocab),
      left_(limit) {}

std::vector<std::vector<std::int32_t>> TextWindows::next(std::size_t n) {
  std::vector<std::vector<std::int32_t>> windows;
  for (; windows.size() < n && left_ > 0; --left_) {
    if (last_.empty()) last_ = stream_.read(1);
    const std::vector<std::int32_t> more = stream_.read(context_);
    if (more.empty()) break;
    std::vector<std::int32_t> window = last_;
    window.insert(window.end(), more.begin(), more.end());
    const std::int32_t highest = *std::max_element(window.begin(), window.end());
    if (highest >= vocab_) {
      throw Error(fmt::format("the tokenizer gives token {}, but the model knows only {}", highest, vocab_),
                  "take vocab.json and merges.txt from where the model came from");
    }
    last_ = {window.back()};
    windows.push_back(std::move(window));
  }
  return windows;
}

std::vector<std::vector<std::int32_t>> seeded_windows(const ModelConfig& config, std::size_t n) {
  const auto ids = static_cast<std::size_t>(std::min(config.context, kSeededTokens)) + 1;
  std::vector<std::vector<std::int32_t>> windows;
  for (std::size_t w = 0; w < n; ++w) windows.push_back(synthetic_prompt(kFirstStream + w, ids, config.vocab));
  return windows;
}

}  // namespace inferbench
