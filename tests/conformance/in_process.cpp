// SPDX-License-Identifier: Apache-2.0
// conformance_in_process --plugin LIB.so [--precision P] [--option k=v]
// Runs every rule of the contract in this process, one after another, for sanitizers. The command gives each rule its
// own process, so that a fault ends only that rule; but a sanitizer cannot report leaks there.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "conformance/check.hpp"
#include "conformance/rules.hpp"
#include "conformance/subject.hpp"
#include "support/backend_settings.hpp"

namespace inferbench::conformance {
namespace {

// Prints the findings. Returns true if the rule is kept.
bool is_kept(const Rule& rule, const Subject& subject) {
  if (rule.exempt != nullptr && !rule.exempt(subject).empty()) return true;
  Check check(subject);
  try {
    rule.check(check);
  } catch (const std::exception& error) {
    check.expect(false, error.what());
  }
  for (const std::string& finding : check.findings()) fmt::print("{}: {}\n", rule.name, finding);
  return check.findings().empty();
}

int run(const BackendSettings& settings) {
  Subject subject{Plugin::load(settings.plugin), settings.precision, settings.options, {}, {}};
  if (subject.precision.empty()) subject.precision = subject.plugin.precisions().front().name;
  subject.tolerance = default_tolerance(subject.precision);
  subject.judged_as = subject.precision;
  int broken = 0;
  for (const Rule& rule : all_rules()) {
    if (!is_kept(rule, subject)) ++broken;
  }
  fmt::print("{} rules broken\n", broken);
  return broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace inferbench::conformance

int main(int argc, char** argv) {
  CLI::App app("Does the backend keep the contract? All in one process, for sanitizers");
  inferbench::BackendSettings settings;
  settings.add_options(app);
  CLI11_PARSE(app, argc, argv);
  try {
    return settings.is_supported() ? inferbench::conformance::run(settings) : inferbench::kSkipped;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "conformance_in_process: %s\n", error.what());
    return 2;
  }
}
