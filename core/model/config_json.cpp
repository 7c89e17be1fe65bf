// SPDX-License-Identifier: Apache-2.0
#include "model/config_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "model/config_fields.hpp"
#include "model/families/families.hpp"
#include "model/guarded_json.hpp"
#include "model/mapped_file.hpp"
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

void refuse_what_no_family_has(const ConfigFields& fields) {
  for (const char* key : {"add_cross_attention", "is_encoder_decoder"}) {
    if (fields.boolean(key, false)) fields.fail(key, "true is not supported", "only decoder-only models are supported");
  }
  if (fields.find("quantization_config") != nullptr) {
    fields.fail("quantization_config", "quantized checkpoints are not supported",
                "give the F32, F16 or BF16 checkpoint");
  }
}

// eos_token_id: one token or several. A token outside the vocabulary can never end a text, so it does not count.
// nullopt: the file says nothing.
std::optional<std::vector<std::int32_t>> read_end_tokens(const ConfigFields& fields, std::int32_t vocab_size) {
  constexpr const char* kKey = "eos_token_id";
  const nlohmann::json* value = fields.find(kKey);
  if (value == nullptr) return std::nullopt;
  std::vector<std::int32_t> tokens;
  if (value->is_array()) {
    for (const nlohmann::json& token : *value) tokens.push_back(fields.integer(kKey, token, 0, INT32_MAX));
  } else {
    tokens.push_back(fields.integer(kKey, *value, 0, INT32_MAX));
  }
  std::erase_if(tokens, [vocab_size](std::int32_t token) { return token >= vocab_size; });
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

}  // namespace

ModelConfig parse_config(std::string_view json, const std::string& file) {
  const nlohmann::json parsed = parse_guarded_json(json, file, kMaxConfigBytes);
  require_object(parsed, file, "give the config.json of a model");
  const ConfigFields fields(parsed, file);
  const Family& family = require_family(fields);
  check_architectures(fields, family);
  refuse_what_no_family_has(fields);
  ModelConfig config = family.read_config(fields);
  config.model_type = fields.find("model_type")->get<std::string>();
  if (auto tokens = read_end_tokens(fields, config.vocab_size)) config.end_tokens = *std::move(tokens);
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
  if (auto tokens = read_end_tokens(fields, config.vocab_size)) config.end_tokens = *std::move(tokens);
  return config;
}

}  // namespace inferbench
