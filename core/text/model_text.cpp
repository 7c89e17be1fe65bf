// SPDX-License-Identifier: Apache-2.0
#include "text/model_text.hpp"

#include <fmt/format.h>

#include "support/counted.hpp"
#include "support/error.hpp"
#include "text/token_stream.hpp"

namespace inferbench {

namespace {

// A check of a few tokens should not encode a megabyte.
constexpr std::size_t kSmallPieceBytes = std::size_t{1} << 16U;

}  // namespace

Tokenizer tokenizer_of(const Model& model) {
  if (!model.place()) {
    throw Error(fmt::format("the model {} has no tokenizer: its weights are synthetic", model.reference()),
                "give a folder or a hub name, such as gpt2");
  }
  Tokenizer tokenizer = Tokenizer::load(*model.place(), model.config().vocab_size);
  if (tokenizer.size() > model.config().vocab_size) {
    throw Error(fmt::format("the tokenizer has {}, but the model knows only {}", counted(tokenizer.size(), "token"),
                            model.config().vocab_size),
                "take the tokenizer's files from where the model came from");
  }
  return tokenizer;
}

std::vector<std::int32_t> encode_prompt(const Tokenizer& tokenizer, const std::string& text,
                                        const ModelConfig& config) {
  std::vector<std::int32_t> ids = tokenizer.add_special(tokenizer.encode(text));
  if (ids.empty() && !config.end_tokens.empty()) ids.push_back(config.end_tokens.front());
  if (ids.empty())
    throw Error("the prompt is empty, and the model names no end-of-text token to start with", "give a prompt");
  return ids;
}

std::vector<std::int32_t> first_tokens(const Model& model, const std::filesystem::path& text, std::size_t limit) {
  return TokenStream(tokenizer_of(model), text, kSmallPieceBytes).read(limit);
}

}  // namespace inferbench
