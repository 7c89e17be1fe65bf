// SPDX-License-Identifier: Apache-2.0
// A GGUF file's metadata say the same as tokenizer.json; so they are written as one, and read by the code for it.
#include "text/gguf_tokenizer.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/gguf/gguf_file.hpp"
#include "model/in_quotes.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "text/gguf_pre_tokenizers.hpp"
#include "text/gguf_vocabulary.hpp"
#include "text/tokenizer_json/json_tokenizer.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;

constexpr const char* kSpace = "\u2581";  // SentencePiece's spelling of a space

std::string quoted_json(std::string_view text) {
  return Json(text).dump();
}

// {"a": 0, "b": 1}
std::string vocabulary_json(const std::vector<GgufToken>& tokens) {
  std::string json = "{";
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    json += fmt::format("{}{}:{}", id == 0 ? "" : ",", quoted_json(tokens[id].text), id);
  }
  return json + "}";
}

Json added_tokens_json(const std::vector<GgufToken>& tokens) {
  Json list = Json::array();
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const GgufTokenKind kind = tokens[id].kind;
    const bool is_special = kind == GgufTokenKind::kControl || kind == GgufTokenKind::kUnknown;
    if (tokens[id].text.empty() || (!is_special && kind != GgufTokenKind::kUserDefined)) continue;
    list.push_back({{"id", id},
                    {"content", tokens[id].text},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", is_special}});
  }
  return list;
}

// A token that is put before or behind each text, if any.
std::optional<std::int64_t> added_id(const GgufFile& file, const char* flag, const char* id_key, bool otherwise,
                                     std::optional<std::int64_t> default_id) {
  if (!file.boolean(flag).value_or(otherwise)) return std::nullopt;
  const auto id = file.integer(id_key);
  if (!id && !default_id) file.fail_missing(id_key);
  return id ? id : default_id;
}

Json template_json(const std::optional<std::int64_t>& bos, const std::optional<std::int64_t>& eos) {
  Json single = Json::array();
  Json special = Json::object();
  const auto add = [&](const char* name, const std::optional<std::int64_t>& id) {
    if (!id) return;
    single.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
    special[name] = {{"id", name}, {"ids", Json::array({*id})}, {"tokens", Json::array({name})}};
  };
  add("bos", bos);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  add("eos", eos);
  return {{"type", "TemplateProcessing"}, {"single", std::move(single)}, {"special_tokens", std::move(special)}};
}

// What surrounds the vocabulary and the merges, which are long and so written as text.
struct Parts {
  Json tokenizer;                   ///< all but the model
  Json model;                       ///< without vocab and merges
  std::string merges;               ///< JSON
  std::vector<std::int32_t> ranks;  ///< of the merges; empty: their order
};

Parts bpe_parts(const GgufFile& file) {
  constexpr const char* kMergesKey = "tokenizer.ggml.merges";
  constexpr const char* kPreKey = "tokenizer.ggml.pre";
  const std::string name = file.text(kPreKey).value_or("default");
  const auto cuts = find_gguf_pre_tokenizer(name);
  if (!cuts) {
    file.fail(
        kPreKey, fmt::format("{} is not supported", in_quotes(name)),
        fmt::format("{} are supported; take the model's safetensors and tokenizer.json", known_gguf_pre_tokenizers()));
  }
  const GgufValue* merges = file.find(kMergesKey);
  if (merges == nullptr) file.fail_missing(kMergesKey);
  if (!merges->is_array_of(GgufType::kString)) file.fail(kMergesKey, "is not an array of strings");
  Parts parts;
  for (const std::string_view merge : merges->texts()) {
    if (!simdjson::validate_utf8(merge)) file.fail(kMergesKey, fmt::format("{} is not UTF-8", in_quotes(merge)));
    parts.merges += fmt::format("{}{}", parts.merges.empty() ? "" : ",", quoted_json(merge));
  }
  parts.model = {{"type", "BPE"}, {"ignore_merges", cuts->ignores_merges}};
  parts.tokenizer = {{"normalizer", cuts->normalizes ? Json{{"type", "NFC"}} : Json(nullptr)},
                     {"pre_tokenizer", pre_tokenizer_json(*cuts)},
                     {"decoder", {{"type", "ByteLevel"}}}};
  parts.tokenizer["post_processor"] = template_json(
      added_id(file, "tokenizer.ggml.add_bos_token", "tokenizer.ggml.bos_token_id", cuts->adds_bos, std::nullopt),
      added_id(file, "tokenizer.ggml.add_eos_token", "tokenizer.ggml.eos_token_id", false, std::nullopt));
  return parts;
}

Parts sentencepiece_parts(const GgufFile& file, const std::vector<GgufToken>& tokens) {
  Parts parts;
  for (const ScoredMerge& merge : merges_by_score(tokens)) {
    parts.merges +=
        fmt::format("{}[{},{}]", parts.merges.empty() ? "" : ",", quoted_json(merge.left), quoted_json(merge.right));
    parts.ranks.push_back(merge.rank);
  }
  const std::int64_t unknown = file.integer("tokenizer.ggml.unknown_token_id").value_or(0);
  parts.model = {{"type", "BPE"}, {"fuse_unk", true}, {"byte_fallback", true}};
  if (unknown >= 0 && static_cast<std::uint64_t>(unknown) < tokens.size()) {
    parts.model["unk_token"] = tokens[static_cast<std::size_t>(unknown)].text;
  }
  const bool prefix = file.boolean("tokenizer.ggml.add_space_prefix").value_or(true);
  Json normalizers = Json::array();
  if (prefix) normalizers.push_back({{"type", "Prepend"}, {"prepend", kSpace}});
  normalizers.push_back({{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", kSpace}});
  Json decoders = {{{"type", "Replace"}, {"pattern", {{"String", kSpace}}}, {"content", " "}},
                   {{"type", "ByteFallback"}},
                   {{"type", "Fuse"}}};
  if (prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  parts.tokenizer = {{"normalizer", {{"type", "Sequence"}, {"normalizers", std::move(normalizers)}}},
                     {"decoder", {{"type", "Sequence"}, {"decoders", std::move(decoders)}}}};
  parts.tokenizer["post_processor"] =
      template_json(added_id(file, "tokenizer.ggml.add_bos_token", "tokenizer.ggml.bos_token_id", true, 1),
                    added_id(file, "tokenizer.ggml.add_eos_token", "tokenizer.ggml.eos_token_id", false, 2));
  return parts;
}

// `object` with one more member, whose value is JSON text.
std::string with_member(const Json& object, std::string_view key, const std::string& value) {
  std::string text = object.dump();
  text.pop_back();
  return fmt::format("{}{}\"{}\":{}}}", text, object.empty() ? "" : ",", key, value);
}

}  // namespace

std::shared_ptr<const TokenizerForm> read_gguf_tokenizer(const GgufFile& file, std::int32_t vocab) {
  constexpr const char* kModelKey = "tokenizer.ggml.model";
  const auto model = file.text(kModelKey);
  if (!model || *model == "none" || *model == "no_vocab") {
    throw Error(fmt::format("{}: the file has no tokenizer", file.path().string()),
                "take a GGUF file with its vocabulary");
  }
  if (*model != "gpt2" && *model != "llama") {
    file.fail(kModelKey, fmt::format("{} is not supported", in_quotes(*model)), "gpt2 and llama are supported");
  }
  const std::vector<GgufToken> tokens = read_gguf_tokens(file, *model == "llama");
  Parts parts = *model == "gpt2" ? bpe_parts(file) : sentencepiece_parts(file, tokens);
  parts.tokenizer["added_tokens"] = added_tokens_json(tokens);
  const std::string model_text = with_member(parts.model, "vocab", vocabulary_json(tokens));
  const std::string with_merges =
      fmt::format("{},\"merges\":[{}]}}", std::string_view(model_text).substr(0, model_text.size() - 1), parts.merges);
  return tokenizer_json::parse_json_tokenizer(with_member(parts.tokenizer, "model", with_merges), file.path().string(),
                                              vocab, parts.ranks);
}

}  // namespace inferbench
