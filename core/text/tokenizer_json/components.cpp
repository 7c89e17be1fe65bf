// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/components.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "model/in_quotes.hpp"
#include "support/counted.hpp"

namespace inferbench::tokenizer_json {
namespace {

// Published files leave gaps between added tokens, but not many.
constexpr std::size_t kMaxUnused = std::size_t{1} << 16U;

void check_ids(const JsonPart& part, const std::vector<AddedToken>& added, const BpeModel& model) {
  const std::size_t end = 2 * (model.tokens().size() + added.size()) + kMaxUnused;
  for (const AddedToken& token : added) {
    const auto id = static_cast<std::size_t>(token.id);
    const std::int32_t in_vocabulary = model.id_of(token.content);
    if (in_vocabulary != BpeModel::kNone && in_vocabulary != token.id) {
      part.fail(fmt::format("{} has the id {}, but {} in the model's vocabulary", in_quotes(token.content), token.id,
                            in_vocabulary));
    }
    if (in_vocabulary == BpeModel::kNone && model.has_id(token.id)) {
      part.fail(fmt::format("{} has the id {}, which is {} in the model's vocabulary", in_quotes(token.content),
                            token.id, in_quotes(model.tokens()[id])));
    }
    if (id >= end) {
      part.fail(fmt::format("{} has the id {}, but there are only {}", in_quotes(token.content), token.id,
                            counted(model.tokens().size() + added.size(), "token")));
    }
  }
}

void add_texts(Components& components) {
  components.texts = components.model.tokens();
  for (std::size_t id = 0; id < components.texts.size(); ++id) {
    components.exists.push_back(components.model.has_id(static_cast<std::int32_t>(id)));
  }
  for (const AddedToken& token : components.added_tokens) {
    const auto id = static_cast<std::size_t>(token.id);
    if (id >= components.texts.size()) {
      components.texts.resize(id + 1);
      components.exists.resize(id + 1);
    }
    components.texts[id] = token.content;
    components.exists[id] = true;
  }
}

void check_holes(const JsonPart& part, const Components& components) {
  for (std::size_t id = 0; id < components.model.tokens().size(); ++id) {
    if (!components.exists[id]) {
      part.fail(fmt::format("ids go up to {}, but no token has the id {}", components.model.tokens().size() - 1, id));
    }
  }
}

void check_surrounding(const JsonPart& root, const Components& components) {
  for (const auto* ids : {&components.surrounding.before, &components.surrounding.after}) {
    for (const std::int32_t id : *ids) {
      const auto index = static_cast<std::size_t>(id);
      if (index >= components.exists.size() || !components.exists[index]) {
        root.at("post_processor").fail(fmt::format("adds the token id {}, which no token has", id));
      }
    }
  }
}

}  // namespace

Components read_components(const std::string& text, const std::string& name, std::int32_t vocab,
                           std::span<const std::int32_t> merge_ranks) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  if (const auto error = parser.parse(text).get(element)) {
    throw Error(fmt::format("{}: not valid JSON: {}", name, simdjson::error_message(error)), kTakeAgain);
  }
  const JsonPart root(element, name + ": tokenizer");
  const auto part = [&](std::string_view key) -> std::optional<JsonPart> {
    const auto found = root.find(key);
    if (!found) return std::nullopt;
    return JsonPart(found->element(), fmt::format("{}: {}", name, key));
  };
  std::vector<AddedToken> added;
  const auto added_part = part("added_tokens");
  if (added_part) added = read_added_tokens(*added_part);
  const JsonPart model_part(root.at("model").element(), name + ": model");
  Components components{BpeModel(model_part, added.size(), merge_ranks), {}, {}, {}, {}, {}, {}, {}};
  if (added_part) check_ids(*added_part, added, components.model);
  std::erase_if(added, [&](const AddedToken& token) { return token.id >= vocab; });
  components.added_tokens = std::move(added);
  add_texts(components);
  check_holes(model_part.at("vocab"), components);
  if (const auto found = part("normalizer")) components.normalizers = read_normalizers(*found);
  if (const auto found = part("pre_tokenizer")) components.pre_tokenizers = read_pre_tokenizers(*found);
  if (const auto found = part("post_processor")) components.surrounding = read_post_processor(*found);
  if (const auto found = part("decoder")) components.decoders = read_decoders(*found);
  check_surrounding(root, components);
  return components;
}

}  // namespace inferbench::tokenizer_json
