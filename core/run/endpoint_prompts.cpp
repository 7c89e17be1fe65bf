// SPDX-License-Identifier: Apache-2.0
#include "run/endpoint_prompts.hpp"

#include <random>
#include <utility>

#include "support/error.hpp"
#include "text/model_text.hpp"

namespace inferbench {

namespace {

std::optional<Tokenizer> tokenizer_or_none(const Model& model) {
  try {
    return tokenizer_of(model);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Turns are far from each other, and, modulo any vocabulary of usual size, from those of neighboring prompts.
constexpr std::int64_t kTurn = 7919;

std::int32_t random_below(std::int32_t n) {
  std::random_device device;
  return std::uniform_int_distribution<std::int32_t>(0, n - 1)(device);
}

}  // namespace

EndpointPrompts::EndpointPrompts(const Model& model, bool real_text)
    : vocab_(model.config().vocab_size),
      real_text_(real_text),
      offset_(real_text ? 0 : random_below(vocab_)),
      tokenizer_(tokenizer_or_none(model)),
      texts_(tokenizer_ ? &*tokenizer_ : nullptr) {}

EndpointRequest EndpointPrompts::request_of(std::vector<std::int32_t> ids, bool as_ids, std::int32_t turn) const {
  EndpointRequest request;
  request.prompt_tokens = static_cast<std::int32_t>(ids.size());
  const std::int64_t shift = real_text_ ? 0 : std::int64_t{offset_} + std::int64_t{turn} * kTurn;
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>((id + shift) % vocab_);
  if (as_ids) {
    request.prompt_ids = std::move(ids);
    return request;
  }
  request.prompt = real_text_ && tokenizer_ ? tokenizer_->decode(ids) : texts_.text_of(ids);
  if (tokenizer_) request.prompt_tokens = static_cast<std::int32_t>(tokenizer_->encode(request.prompt).size());
  return request;
}

std::optional<std::int64_t> EndpointPrompts::count(const std::string& text) const {
  if (!tokenizer_) return std::nullopt;
  return static_cast<std::int64_t>(tokenizer_->encode(text).size());
}

}  // namespace inferbench
