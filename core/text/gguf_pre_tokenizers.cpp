// SPDX-License-Identifier: Apache-2.0
#include "text/gguf_pre_tokenizers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace inferbench {
namespace {

using Json = nlohmann::json;

// As published in the models' tokenizer.json.
constexpr std::string_view kLlama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken = R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|)"
                                     R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|)"
                                     R"(\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDigits = R"(\p{N})";

// Of files that say nothing: they are older than the key, and llama.cpp cuts their text like this.
constexpr GgufPreTokenizer kDefault = {
    false,
    false,
    false,
    false,
    {R"([\p{P}\$\+<=>\^~\|]+)", R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S))",
     R"(\p{N}+)", R"([0-9][0-9][0-9])"}};

struct NamedCuts {
  std::string_view name;
  GgufPreTokenizer cuts;
};

constexpr GgufPreTokenizer kLikeGpt2 = {false, false, false, true, {}};
constexpr GgufPreTokenizer kLikeLlama3 = {false, true, true, false, {kLlama3}};
constexpr GgufPreTokenizer kLikeQwen2 = {true, false, false, false, {kQwen2}};
constexpr GgufPreTokenizer kLikeSmollm = {false, false, false, true, {kDigits}};

constexpr std::array<NamedCuts, 16> kKnown = {{
    {"codeshell", kLikeSmollm},
    {"default", kDefault},
    {"deepseek-r1-qwen", kLikeQwen2},
    {"falcon3", kLikeLlama3},
    {"gpt-2", kLikeGpt2},
    {"llama-bpe", kLikeLlama3},
    {"llama-v3", kLikeLlama3},
    {"llama3", kLikeLlama3},
    {"mpt", kLikeGpt2},
    {"olmo", kLikeGpt2},
    {"phi-2", kLikeGpt2},
    {"qwen2", kLikeQwen2},
    {"refact", kLikeSmollm},
    {"smollm", kLikeSmollm},
    {"starcoder", kLikeSmollm},
    {"tekken", {false, true, true, false, {kTekken}}},
}};

Json split_json(std::string_view pattern) {
  return {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

}  // namespace

std::optional<GgufPreTokenizer> find_gguf_pre_tokenizer(std::string_view name) {
  const auto* found =
      std::find_if(kKnown.begin(), kKnown.end(), [name](const NamedCuts& one) { return one.name == name; });
  return found == kKnown.end() ? std::nullopt : std::optional(found->cuts);
}

std::string known_gguf_pre_tokenizers() {
  std::string names;
  for (const NamedCuts& one : kKnown) names += fmt::format("{}{}", names.empty() ? "" : ", ", one.name);
  return names;
}

Json pre_tokenizer_json(const GgufPreTokenizer& cuts) {
  Json steps = Json::array();
  for (const std::string_view pattern : cuts.splits) {
    if (!pattern.empty()) steps.push_back(split_json(pattern));
  }
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", cuts.uses_gpt2_pattern}});
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

}  // namespace inferbench
