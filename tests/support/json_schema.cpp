// SPDX-License-Identifier: Apache-2.0
#include "support/json_schema.hpp"

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

namespace inferbench::test {

std::string validate_json(const nlohmann::json& document, const nlohmann::json& schema) {
  valijson::Schema parsed;
  valijson::SchemaParser parser;
  const valijson::adapters::NlohmannJsonAdapter schema_adapter(schema);
  parser.populateSchema(schema_adapter, parsed);
  valijson::Validator validator;
  valijson::ValidationResults results;
  const valijson::adapters::NlohmannJsonAdapter document_adapter(document);
  if (validator.validate(parsed, document_adapter, &results)) return {};
  std::string why = "invalid:\n";
  for (const auto& error : results) {
    for (const auto& place : error.context) why += place;
    why += ": " + error.description + "\n";
  }
  return why;
}

}  // namespace inferbench::test
