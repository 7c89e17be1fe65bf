// SPDX-License-Identifier: Apache-2.0
#include "model/config_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "model/config_fields.hpp"
#include "model/families/families.hpp"
#include "model/guarded_json.hpp"
#include "model/mapped_file.hpp"
#include "model/unsupported_models.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{4} << 20;

void require_object(const nlohmann::json& parsed, const std::string& file, const char* cure) {
  if (parsed.is_object()) return;
  throw Error(fmt::format("{}: {} where an object was expected", file, shown(parsed)), cure);
}

const Family& require_family(const ConfigFields& fields) {
  const std::string cure = fmt::format("{} are supported", known_model_types());
  const nlohmann::json* type = fields.find("model_type");
  if (type == nullptr) fields.fail("model_type", "is missing", cure);
  const Family* family = type->is_string() ? find_family(type->get_ref<const std::string&>()) : nullptr;
  if (family == nullptr) fields.fail("model_type", fmt::format("{} is not supported", shown(*type)), cure);
  return *family;
}

void check_architectures(const ConfigFields& fields, const Family& family) {
  const nlohmann::json* given = fields.find("architectures");
  if (given == nullptr) return;
  std::string known;
  for (const std::string_view name : family.architectures) {
    known += fmt::format("{}\"{}\"", known.empty() ? "" : ", ", name);
  }
  if (!given->is_array()) fields.fail("architectures", "is not an array", fmt::format("give one of {}", known));
  for (const nlohmann::json& name : *given) {
    const auto same = [&name](std::string_view architecture) { return name == architecture; };
    if (std::none_of(family.architectures.begin(), family.architectures.end(), same)) {
      fields.fail("architectures", fmt::format("{} is not supported", shown(name)),
                  fmt::format("{} are supported", known));
    }
  }
}

// From eos_token_id, one token or several; leaves the tokens as they are if the file says nothing. A token outside the
// vocabulary can never end a text, so it does not count.
void set_end_tokens(ModelConfig& config, const ConfigFields& fields) {
  constexpr const char* kKey = "eos_token_id";
  const nlohmann::json* value = fields.find(kKey);
  if (value == nullptr) return;
  std::vector<std::int32_t> tokens;
  if (value->is_array()) {
    for (const nlohmann::json& token : *value) tokens.push_back(fields.integer(kKey, token, 0, INT32_MAX));
  } else {
    tokens.push_back(fields.integer(kKey, *value, 0, INT32_MAX));
  }
  std::erase_if(tokens, [&config](std::int32_t token) { return token >= config.vocab_size; });
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  config.end_tokens = std::move(tokens);
}

}  // namespace

ModelConfig parse_config(std::string_view json, const std::string& file) {
  const nlohmann::json parsed = parse_guarded_json(json, file, kMaxConfigBytes);
  require_object(parsed, file, "give the config.json of a model");
  const ConfigFields fields(parsed, file);
  refuse_unsupported_config(fields);
  const Family& family = require_family(fields);
  check_architectures(fields, family);
  ModelConfig config = family.read_config(fields);
  config.model_type = fields.find("model_type")->get<std::string>();
  if (const auto text = fields.object("text_config")) set_end_tokens(config, *text);
  set_end_tokens(config, fields);
  return config;
}

ModelConfig read_config(const std::filesystem::path& path) {
  ModelConfig config = parse_config(read_small_file(path, kMaxConfigBytes), path.string());
  const std::filesystem::path generation = path.parent_path() / "generation_config.json";
  std::error_code ignored;
  if (!std::filesystem::exists(generation, ignored)) return config;
  const nlohmann::json parsed =
      parse_guarded_json(read_small_file(generation, kMaxConfigBytes), generation.string(), kMaxConfigBytes);
  require_object(parsed, generation.string(), "fetch the file again");
  const ConfigFields fields(parsed, generation.string());
  set_end_tokens(config, fields);
  return config;
}

}  // namespace inferbench
