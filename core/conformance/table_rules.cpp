// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <set>

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
      TestModel weights;
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
  for (const auto part : {table_rules(), numerics_rules(), output_rules(), sequence_rules(), argument_rules(),
                          cancel_rules(), reuse_rules(), life_rules(), near_miss_rules()}) {
    rules.insert(rules.end(), part.begin(), part.end());
  }
  return rules;
}

}  // namespace inferbench::conformance
