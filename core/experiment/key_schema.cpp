// SPDX-License-Identifier: Apache-2.0
#include "experiment/key_schema.hpp"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "experiment/yaml_json.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

Json parsed(const std::string& yaml) {
  return yaml_as_json(parse_yaml(yaml, std::make_shared<const YamlSource>()));
}

Json any_of(std::vector<Json> forms) {
  return forms.size() == 1 ? std::move(forms.front()) : Json{{"anyOf", std::move(forms)}};
}

// Most limits are whole numbers, which JSON should show without a decimal point.
Json number_json(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? Json(whole) : Json(value);
}

class SchemaWriter {
 public:
  explicit SchemaWriter(const KeyTable& keys) : keys_(keys) {}

  Json map_schema(std::string_view path, bool complete) const {
    Json schema{{"type", "object"}, {"additionalProperties", false}};
    Json properties = Json::object();
    Json required = Json::array();
    Json alternatives = Json::array();
    for (const Key* key : keys_.below(path)) {
      if (!key->alternative.empty()) alternatives.push_back({{"required", {key->name()}}});
      if (!key->is_any_name()) {
        properties[std::string(key->name())] = key_schema(*key);
        if (key->required) required.push_back(key->name());
      } else if (key->any_name_prefix().empty()) {
        schema["additionalProperties"] = key_schema(*key);
      } else {
        schema["patternProperties"][fmt::format("^{}", key->any_name_prefix())] = key_schema(*key);
      }
    }
    if (!properties.empty()) schema["properties"] = std::move(properties);
    if (complete && !required.empty()) schema["required"] = std::move(required);
    if (complete && !alternatives.empty()) schema["oneOf"] = std::move(alternatives);
    return schema;
  }

  // The required keys of the file, which a file with `extends` may leave out.
  Json required_unless_extended() const {
    Json required = Json::array();
    for (const Key* key : keys_.below("")) {
      if (key->required) required.push_back(key->name());
    }
    return {{{"required", {"extends"}}}, {{"required", required}}};
  }

 private:
  Json key_schema(const Key& key) const {
    std::vector<Json> forms = value_forms(key);
    if (key.list) {
      Json list{{"type", "array"}, {"items", any_of(forms)}};
      if (!key.allow_empty) list["minItems"] = 1;
      forms.push_back(std::move(list));
    }
    if (!key.required && !key.needs_value && key.alternative.empty()) forms.push_back({{"type", "null"}});
    if (key.type == KeyType::kAnything) forms = {Json::object()};
    Json schema = any_of(std::move(forms));
    schema["description"] = key.unit.empty() ? key.meaning : fmt::format("{} Unit: {}.", key.meaning, key.unit);
    if (!key.fallback.empty()) schema["default"] = parsed(key.fallback);
    if (!key.example.empty()) schema["examples"] = {parsed(key.example)};
    return schema;
  }

  // The forms that the key's value may have, one schema each.
  std::vector<Json> value_forms(const Key& key) const {
    const Json text{{"type", {"string", "number"}}};
    switch (key.type) {
      case KeyType::kMap: {
        // A file that extends this one replaces list items entirely, so maps in lists must be complete.
        std::vector<Json> forms{map_schema(key.path, key.list)};
        if (!key.short_form.empty()) forms.push_back({{"type", "string"}});
        return forms;
      }
      case KeyType::kText:
      case KeyType::kPath:
        return {text};
      case KeyType::kChoice:
        return {{{"type", "string"}, {"enum", key.choices}}};
      case KeyType::kFlag:
        return {{{"type", "boolean"}}};
      case KeyType::kInteger: {
        std::vector<Json> forms{ranged("integer", key)};
        if (!key.choices.empty()) forms.push_back({{"type", "string"}, {"enum", key.choices}});
        return forms;
      }
      case KeyType::kSeed:
        return {{{"type", "integer"}, {"minimum", 0}}};
      case KeyType::kNumber:
        return {ranged("number", key)};
      case KeyType::kShare:
        return {ranged("number", key), {{"type", "string"}, {"pattern", "^[+]?[0-9.eE+-]+%$"}}};
      case KeyType::kBytes:
        return {{{"type", "number"}, {"minimum", 1}}, {{"type", "string"}, {"pattern", "^[+]?[0-9.]+ *([KMGT]i?)?B$"}}};
      case KeyType::kBound:
        return {{{"type", "number"}, {"exclusiveMinimum", 0}}, {{"type", "string"}, {"pattern", "^[+]?[0-9.]"}}};
      case KeyType::kCpus:
        return {{{"type", "integer"}, {"minimum", 0}},
                {{"type", "string"}, {"pattern", "^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*|performance|node:[0-9]+)$"}}};
      case KeyType::kScalar:
        return {{{"type", {"string", "number", "boolean"}}}};
      case KeyType::kAnything:
        break;
    }
    return {Json::object()};
  }

  static Json ranged(const char* type, const Key& key) {
    Json schema{{"type", type}, {"minimum", number_json(key.least)}};
    if (key.most != 0) schema["maximum"] = number_json(key.most);
    return schema;
  }

  const KeyTable& keys_;
};

}  // namespace

Json json_schema_of(const KeyTable& keys, const std::string& title) {
  const SchemaWriter writer(keys);
  Json schema{{"$schema", "http://json-schema.org/draft-07/schema#"}, {"title", title}};
  schema.update(writer.map_schema("", false));
  schema["anyOf"] = writer.required_unless_extended();
  return schema;
}

}  // namespace inferbench
