// SPDX-License-Identifier: Apache-2.0
#include "model/config_fields.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "inferbench/backend.h"
#include "model/in_quotes.hpp"
#include "support/error.hpp"

namespace inferbench {

std::string shown(const nlohmann::json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  return value.dump();
}

ConfigFields::ConfigFields(const nlohmann::json& object, std::string file, std::string path)
    : json_(&object), file_(std::move(file)), path_(std::move(path)) {}

const nlohmann::json* ConfigFields::find(const char* key) const {
  const auto found = json_->find(key);
  return found == json_->end() || found->is_null() ? nullptr : &*found;
}

bool ConfigFields::is_null(const char* key) const {
  const auto found = json_->find(key);
  return found != json_->end() && found->is_null();
}

void ConfigFields::fail(std::string_view key, std::string_view what, std::string cure) const {
  throw Error(fmt::format("{}: {}{}: {}", file_, path_, key, what), std::move(cure));
}

void ConfigFields::fail_missing(std::string_view key) const {
  fail(key, "is missing", fmt::format("add \"{}\", as transformers' save_pretrained writes it", key));
}

std::int32_t ConfigFields::integer(const char* key, const nlohmann::json& value, std::int64_t min,
                                   std::int64_t max) const {
  const std::string cure = fmt::format("an integer from {} to {} is accepted", min, max);
  if (!value.is_number_integer()) fail(key, fmt::format("{} is not an integer", shown(value)), cure);
  // Unsigned values of 2^63 or more would turn negative in an int64.
  const bool huge = value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(max);
  if (huge || value.get<std::int64_t>() < min || value.get<std::int64_t>() > max) {
    fail(key, fmt::format("{} is out of range", shown(value)), cure);
  }
  return static_cast<std::int32_t>(value.get<std::int64_t>());
}

std::int32_t ConfigFields::size(const char* key, std::int64_t max, std::optional<std::int32_t> fallback) const {
  const nlohmann::json* value = find(key);
  if (value != nullptr) return integer(key, *value, 1, max);
  if (!fallback) fail_missing(key);
  return *fallback;
}

std::int32_t ConfigFields::aliased_size(const char* key, const char* alias, std::int64_t max) const {
  const nlohmann::json* value = find(key);
  const nlohmann::json* other = find(alias);
  if (value != nullptr && other != nullptr && *value != *other) {
    fail(key, fmt::format("is {}, but {} is {}", shown(*value), alias, shown(*other)), "keep one of the two");
  }
  return value == nullptr && other != nullptr ? integer(alias, *other, 1, max) : size(key, max);
}

bool ConfigFields::boolean(const char* key, bool fallback) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) {
    fail(key, fmt::format("{} is not true or false", shown(*value)), "true or false is accepted");
  }
  return value->get<bool>();
}

double ConfigFields::positive(const char* key, double max, std::optional<double> fallback) const {
  const nlohmann::json* value = find(key);
  const bool accepted =
      value == nullptr || (value->is_number() && value->get<double>() > 0 && value->get<double>() <= max);
  if (!accepted) {
    fail(key, fmt::format("{} is out of range", shown(*value)),
         fmt::format("a number above 0, at most {}, is accepted", max));
  }
  if (value == nullptr && !fallback) fail_missing(key);
  return value == nullptr ? *fallback : value->get<double>();
}

double ConfigFields::number(const char* key, double min, double max, std::optional<double> fallback) const {
  const nlohmann::json* value = find(key);
  const bool accepted =
      value == nullptr || (value->is_number() && value->get<double>() >= min && value->get<double>() <= max);
  if (!accepted) {
    fail(key, fmt::format("{} is out of range", shown(*value)),
         fmt::format("a number from {} to {} is accepted", min, max));
  }
  if (value == nullptr && !fallback) fail_missing(key);
  return value == nullptr ? *fallback : value->get<double>();
}

std::int32_t ConfigFields::activation(const char* key, std::int32_t fallback) const {
  struct Activation {
    const char* name;
    std::int32_t code;
  };
  // The names of transformers' ACT2FN. All names with the same code are the same function over the reals:
  // gelu_accurate and PyTorch's tanh forms are gelu_new, written differently; gelu_fast rounds sqrt(2/pi) to ten
  // digits, which is more than fp32 has. quick_gelu and gelu_10 are different functions.
  static constexpr std::array<Activation, 10> kActivations = {{{"gelu_new", IB_ACTIVATION_GELU_TANH},
                                                               {"gelu_pytorch_tanh", IB_ACTIVATION_GELU_TANH},
                                                               {"gelu_python_tanh", IB_ACTIVATION_GELU_TANH},
                                                               {"gelu_accurate", IB_ACTIVATION_GELU_TANH},
                                                               {"gelu_fast", IB_ACTIVATION_GELU_TANH},
                                                               {"gelu", IB_ACTIVATION_GELU_ERF},
                                                               {"gelu_python", IB_ACTIVATION_GELU_ERF},
                                                               {"relu", IB_ACTIVATION_RELU},
                                                               {"silu", IB_ACTIVATION_SILU},
                                                               {"swish", IB_ACTIVATION_SILU}}};
  const nlohmann::json* value = find(key);
  if (value == nullptr) return fallback;
  for (const Activation& known : kActivations) {
    if (*value == known.name) return known.code;
  }
  std::string names;
  for (const Activation& known : kActivations) names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", known.name);
  fail(key, fmt::format("{} is not supported", shown(*value)), names + " are supported");
}

std::optional<ConfigFields> ConfigFields::object(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) fail(key, fmt::format("{} is not an object", shown(*value)), "an object is accepted");
  return ConfigFields(*value, file_, fmt::format("{}{}.", path_, key));
}

}  // namespace inferbench
