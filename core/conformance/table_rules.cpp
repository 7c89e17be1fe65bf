// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>

#include "conformance/rules.hpp"
#include "support/error.hpp"

namespace inferbench::conformance {

namespace {

void expect_line(Check& check, const char* text, const std::string& what) {
  const bool given = text != nullptr && *text != '\0';
  check.expect(given, what + " is empty");
  if (!given) return;
  check.expect(std::strchr(text, '\n') == nullptr, what + " has more than one line");
}

// Names, versions and schema keys are already checked when the library is loaded (see table_check.hpp).
void describes_itself(Check& check) {
  const ib_backend& table = check.subject().table();
  expect_line(check, table.version, "version");
  expect_line(check, table.build, "build");
  expect_line(check, table.license, "license");
  expect_line(check, table.doc, "doc");
  std::set<std::string> names;
  for (const PrecisionDescription& precision : check.subject().plugin.precisions()) {
    expect_line(check, precision.doc.c_str(), "the doc of precision " + precision.name);
    check.expect(names.insert(precision.name).second, precision.name + " is listed twice");
  }
  for (const OptionDescription& option : check.subject().plugin.options()) {
    expect_line(check, option.doc.c_str(), "the doc of option " + option.key);
  }
}

// Without one feature of each group there is no model that the backend computes.
void features_make_a_model(Check& check) {
  const std::uint64_t features = check.subject().features();
  const auto expect_any = [&](std::uint64_t group, const char* what) {
    check.expect((features & group) != 0, std::string("features: the table declares no ") + what);
  };
  expect_any(IB_FEATURE_LAYER_NORM | IB_FEATURE_RMS_NORM, "norm");
  expect_any(IB_FEATURE_LEARNED_POSITIONS | IB_FEATURE_ROTARY, "positions");
  expect_any(IB_FEATURE_PLAIN_MLP | IB_FEATURE_GATED_MLP, "MLP");
  expect_any(IB_FEATURE_GELU_TANH | IB_FEATURE_GELU_ERF | IB_FEATURE_RELU | IB_FEATURE_SILU, "activation");
}

bool is_device_id(std::string_view id) {
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  const std::string_view word = id.substr(0, id.find(':'));
  const std::string_view number = word.size() == id.size() ? "0" : id.substr(word.size() + 1);
  return !word.empty() && std::all_of(word.begin(), word.end(), is_word) && !number.empty() &&
         std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string lists_devices(const Subject& subject) {
  return subject.table().devices == nullptr ? "the table has no function for devices, so there is only cpu" : "";
}

void devices_are_named(Check& check) {
  const ib_device_info* devices = nullptr;
  std::uint64_t n = 0;
  ib_error error{};
  const ib_status status = check.subject().table().devices(&devices, &n, &error);
  if (status == IB_UNSUPPORTED) return check.not_tried(fmt::format("no device here: {}", error.message));
  if (!check.expect_equal(status, IB_OK, "status of devices")) return;
  const bool is_empty = devices == nullptr || n == 0;
  check.expect(!is_empty, "devices gives OK, but no device");
  if (is_empty) return;
  std::set<std::string> ids;
  for (std::uint64_t i = 0; i < n; ++i) {
    const char* const id = devices[i].id;
    if (!check.expect(id != nullptr, fmt::format("device {} has no id", i))) continue;
    check.expect(is_device_id(id), fmt::format("the id '{}' is not of the form cpu or cuda:0", id));
    check.expect(ids.insert(id).second, fmt::format("device '{}' is listed twice", id));
    expect_line(check, devices[i].name, fmt::format("the name of device '{}'", id));
  }
  const ib_device_info* again = nullptr;
  std::uint64_t n_again = 0;
  check.expect_equal(check.subject().table().devices(&again, &n_again, &error), IB_OK, "status of devices, again");
  const auto id_of = [](const ib_device_info& device) { return std::string(device.id == nullptr ? "" : device.id); };
  check.expect(n_again == n && again != nullptr && id_of(again[0]) == id_of(devices[0]),
               "devices gives another list when it is called again");
}

// The possible values of a choice or a bool. For other types, only the default is known to be sensible.
std::vector<std::string> advertised_values(const OptionDescription& option) {
  if (option.type == IB_OPTION_BOOL) return {"true", "false"};
  if (option.type != IB_OPTION_CHOICE) return {option.default_value};
  return option.choices;
}

std::string has_options(const Subject& subject) {
  return subject.option_schema().empty() ? "the backend has no options" : "";
}

std::string has_extensions(const Subject& subject) {
  return subject.table().extension == nullptr ? "the table has no function for extensions" : "";
}

void options_are_honoured(Check& check) {
  const auto ids = test_tokens(24);
  for (const OptionDescription& option : check.subject().plugin.options()) {
    for (const std::string& value : advertised_values(option)) {
      Subject subject = check.subject();
      subject.options[option.key] = value;
      TestModel weights(subject.plain());
      const Candidate model(subject, weights.desc());
      const std::string what = option.key + "=" + value;
      if (model.status() == IB_UNSUPPORTED) {
        check.not_tried(what + ": unsupported on this machine");
        continue;
      }
      if (!check.expect_equal(model.status(), IB_OK, what + ": status of model_create")) continue;
      const auto logits = Session(model).last_logits(0, ids);
      bool finite = true;
      for (const float logit : logits) finite = finite && logit - logit == 0;
      check.expect(finite, what + ": a logit is not finite");
    }
  }
}

void unknown_extension_is_null(Check& check) {
  check.expect(check.subject().plugin.extension("inferbench.no_such_extension.v1") == nullptr,
               "an unknown extension name does not give null");
}

constexpr Rule kTableRules[] = {
    {"table.describes_itself", "version, build, license and docs are one line each", describes_itself},
    {"table.features_make_a_model", "a norm, positions, an MLP and an activation are declared", features_make_a_model},
    {"table.devices_are_named", "every device has an id and a name, always the same", devices_are_named, lists_devices},
    {"table.options_are_honoured", "every choice in the schema creates a model, or is unsupported",
     options_are_honoured, has_options},
    {"table.unknown_extension_is_null", "an unknown extension name gives null", unknown_extension_is_null,
     has_extensions}};

}  // namespace

std::span<const Rule> table_rules() {
  return kTableRules;
}

std::vector<Rule> all_rules() {
  std::vector<Rule> rules;
  for (const auto part : {table_rules(), numerics_rules(), feature_rules(), output_rules(), sequence_rules(),
                          argument_rules(), cancel_rules(), reuse_rules(), life_rules(), near_miss_rules()}) {
    rules.insert(rules.end(), part.begin(), part.end());
  }
  return rules;
}

}  // namespace inferbench::conformance
