// SPDX-License-Identifier: Apache-2.0
#include "plugin/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <system_error>
#include <vector>

#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

// `text` is in the normal form of as_text(). `value` has no key and no text, since it would have to borrow them.
struct ParsedOption {
  ib_option_value value{};
  std::string text;
};

[[noreturn]] void refuse(const OptionDescription& option, std::string_view value, const std::string& why = {},
                         const std::string& cure = {}) {
  throw Error(fmt::format("option '{}': '{}' is not {}{}", option.key, one_line(value, 80), option_range(option),
                          why.empty() ? "" : " (" + why + ")"),
              cure.empty() ? fmt::format("the default is '{}'", one_line(option.default_value, 80)) : cure);
}

bool bounded(const OptionDescription& option) {
  return option.min <= option.max;
}

// Parses all of `value` as T. A leading '+' is allowed, as in YAML.
template <typename T>
std::errc parse_number(std::string_view value, T& number) {
  if (value.size() > 1 && value[0] == '+' && value[1] != '-') value.remove_prefix(1);
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc()) return error;
  return end == value.data() + value.size() ? std::errc() : std::errc::invalid_argument;
}

bool parse_bool(const OptionDescription& option, std::string_view value) {
  // The spellings of YAML 1.2's core schema.
  if (value == "true" || value == "True" || value == "TRUE") return true;
  if (value == "false" || value == "False" || value == "FALSE") return false;
  refuse(option, value);
}

std::int64_t parse_int(const OptionDescription& option, std::string_view value) {
  std::int64_t number = 0;
  const std::errc error = parse_number(value, number);
  if (error == std::errc::result_out_of_range) refuse(option, value, "too large for 64 bits");
  if (error != std::errc()) refuse(option, value);
  // long double represents every int64 exactly if it has at least 64 bits of mantissa (x86, aarch64).
  const auto exact = static_cast<long double>(number);
  if (bounded(option) && (exact < option.min || exact > option.max)) refuse(option, value);
  return number;
}

double parse_float(const OptionDescription& option, std::string_view value) {
  double number = 0;
  if (parse_number(value, number) != std::errc() || !std::isfinite(number)) refuse(option, value);
  if (bounded(option) && (number < option.min || number > option.max)) refuse(option, value);
  return number;
}

void check_choice(const OptionDescription& option, std::string_view value) {
  for (const std::string& choice : option.choices) {
    if (choice == value) return;
  }
  const std::string near = nearest(value, option.choices);
  refuse(option, value, {}, near.empty() ? near : fmt::format("did you mean '{}'?", near));
}

ParsedOption parse(const OptionDescription& option, std::string_view value) {
  ParsedOption parsed;
  parsed.value.type = option.type;
  switch (option.type) {
    case IB_OPTION_BOOL:
      parsed.value.boolean = parse_bool(option, value) ? 1 : 0;
      parsed.text = parsed.value.boolean == 1 ? "true" : "false";
      break;
    case IB_OPTION_INT:
      parsed.value.integer = parse_int(option, value);
      parsed.text = fmt::format("{}", parsed.value.integer);
      break;
    case IB_OPTION_FLOAT:
      parsed.value.number = parse_float(option, value);
      parsed.text = fmt::format("{}", parsed.value.number);
      break;
    case IB_OPTION_CHOICE:
      check_choice(option, value);
      parsed.text = value;
      break;
    case IB_OPTION_TEXT:
      if (value.find('\0') != std::string_view::npos) refuse(option, value, "it contains a zero byte");
      parsed.text = value;
      break;
    default:
      throw Error(fmt::format("option '{}' has the type {}, which this host does not know", option.key, option.type),
                  "use a newer inferbench, or leave the option out");
  }
  return parsed;
}

std::string number_text(double number) {
  return fmt::format("{}", number);
}

}  // namespace

struct OptionValues::Data {
  std::map<std::string, std::string> text;  // map nodes don't move, so values may point into them
  std::vector<ib_option_value> values;
};

OptionValues::OptionValues(std::span<const OptionDescription> schema, const std::map<std::string, std::string>& given) {
  std::vector<std::string> keys;
  for (const OptionDescription& option : schema) keys.push_back(option.key);
  for (const auto& [key, value] : given) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    throw Error(fmt::format("unknown option '{}'", one_line(key, 80)), suggestion(key, "options", keys));
  }
  auto data = std::make_shared<Data>();
  for (const OptionDescription& option : schema) {
    const auto found = given.find(option.key);
    ParsedOption parsed =
        parse(option, found == given.end() ? std::string_view(option.default_value) : std::string_view(found->second));
    const auto& [key, text] = *data->text.insert_or_assign(option.key, std::move(parsed.text)).first;
    parsed.value.key = key.c_str();
    if (option.type == IB_OPTION_CHOICE || option.type == IB_OPTION_TEXT) parsed.value.text = text.c_str();
    data->values.push_back(parsed.value);
  }
  data_ = std::move(data);
}

std::span<const ib_option_value> OptionValues::values() const {
  return data_->values;
}

const std::map<std::string, std::string>& OptionValues::as_text() const {
  return data_->text;
}

void check_option(const OptionDescription& option, std::string_view value) {
  parse(option, value);
}

std::string_view option_type_name(std::int32_t type) {
  switch (type) {
    case IB_OPTION_BOOL:
      return "bool";
    case IB_OPTION_INT:
      return "int";
    case IB_OPTION_FLOAT:
      return "float";
    case IB_OPTION_CHOICE:
      return "choice";
    case IB_OPTION_TEXT:
      return "text";
    default:
      return {};
  }
}

std::string option_range(const OptionDescription& option) {
  switch (option.type) {
    case IB_OPTION_BOOL:
      return "true or false";
    case IB_OPTION_INT:
      if (!bounded(option)) return "a whole number";
      return fmt::format("a whole number from {} to {}", number_text(option.min), number_text(option.max));
    case IB_OPTION_FLOAT:
      if (!bounded(option)) return "a number";
      return fmt::format("a number from {} to {}", number_text(option.min), number_text(option.max));
    case IB_OPTION_CHOICE:
      return fmt::format("one of {}", fmt::join(option.choices, ", "));
    default:
      return "text without a zero byte";
  }
}

}  // namespace inferbench
