// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/post_processors.hpp"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <unordered_map>

#include "model/in_quotes.hpp"

namespace inferbench::tokenizer_json {
namespace {

using IdsByName = std::unordered_map<std::string, std::vector<std::int32_t>>;

IdsByName read_special_tokens(const JsonPart& part) {
  IdsByName all;
  for (const simdjson::dom::key_value_pair entry : part.object()) {
    const JsonPart token(entry.value, fmt::format("{}.{}", part.where(), in_quotes(entry.key)));
    std::vector<std::int32_t>& ids = all[std::string(entry.key)];
    for (const JsonPart& item : token.at("ids").items()) {
      const std::int64_t id = item.integer();
      if (id < 0 || id > std::numeric_limits<std::int32_t>::max()) {
        item.fail(fmt::format("the token id {} is out of range", id));
      }
      ids.push_back(static_cast<std::int32_t>(id));
    }
  }
  return all;
}

Surrounding read_template(const JsonPart& part) {
  const IdsByName special = read_special_tokens(part.at("special_tokens"));
  Surrounding surrounding;
  bool seen_text = false;
  const JsonPart single = part.at("single");
  for (const JsonPart& item : single.items()) {
    if (const auto text = item.find("Sequence")) {
      if (seen_text || text->at("id").text() != "A") text->fail("expected the sequence A, once");
      seen_text = true;
      continue;
    }
    const JsonPart name = item.at("SpecialToken").at("id");
    const auto ids = special.find(name.text());
    if (ids == special.end()) name.fail(fmt::format("{} is not among the special_tokens", in_quotes(name.text())));
    std::vector<std::int32_t>& side = seen_text ? surrounding.after : surrounding.before;
    side.insert(side.end(), ids->second.begin(), ids->second.end());
  }
  if (!seen_text) single.fail("the sequence A is missing");
  return surrounding;
}

}  // namespace

Surrounding read_post_processor(const JsonPart& part) {
  Surrounding all;
  for (const JsonPart& member : flatten_sequences(part, "processors")) {
    const std::string type = member.at("type").text();
    if (type == "ByteLevel") continue;  // it only moves offsets
    if (type != "TemplateProcessing") member.fail_unknown("post-processor", type);
    const Surrounding more = read_template(member);
    all.before.insert(all.before.begin(), more.before.begin(), more.before.end());
    all.after.insert(all.after.end(), more.after.begin(), more.after.end());
  }
  return all;
}

}  // namespace inferbench::tokenizer_json
