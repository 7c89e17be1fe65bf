// SPDX-License-Identifier: Apache-2.0
#include "quality/window_source.hpp"

#include <algorithm>

#include "model/synthetic_formula.hpp"
#include "text/model_text.hpp"

namespace inferbench {

namespace {

constexpr std::int32_t kSeededTokens = 256;
constexpr std::uint64_t kFirstStream = fnv1a64("quality");  // far from the streams that trials take

}  // namespace

TextWindows::TextWindows(const Model& model, const std::filesystem::path& text, std::size_t limit)
    : stream_(tokenizer_of(model), text), context_(static_cast<std::size_t>(model.config().context)), left_(limit) {}

std::vector<std::vector<std::int32_t>> TextWindows::next(std::size_t n) {
  std::vector<std::vector<std::int32_t>> windows;
  for (; windows.size() < n && left_ > 0; --left_) {
    if (last_.empty()) last_ = stream_.read(1);
    const std::vector<std::int32_t> more = stream_.read(context_);
    if (more.empty()) break;
    std::vector<std::int32_t> window = last_;
    window.insert(window.end(), more.begin(), more.end());
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
