// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "conformance/examine.hpp"
#include "plugin/plugin_path.hpp"
#include "report/console_style.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

using conformance::Finding;
using conformance::Rule;
using conformance::Subject;
using conformance::Verdict;
using Json = nlohmann::ordered_json;

struct ConformanceArguments {
  std::string plugin;
  std::vector<std::string> precisions;
  std::vector<std::string> options;
  std::vector<std::string> rules;
  std::optional<double> rounding;
  std::optional<double> numerics;
  std::vector<std::filesystem::path> plugin_dirs;
  bool list = false;
  bool json = false;
};

/// What was found of one precision.
struct Examined {
  Subject subject;
  std::string unsupported;  ///< why this machine cannot; else empty
  std::vector<Finding> findings;

  std::size_t count(Verdict verdict) const {
    return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(),
                                                  [&](const Finding& finding) { return finding.verdict == verdict; }));
  }
};

// A rule's name, or the beginning of several: "sequences".
std::vector<Rule> chosen_rules(const std::vector<std::string>& names) {
  std::vector<Rule> all = conformance::all_rules();
  if (names.empty()) return all;
  std::vector<Rule> chosen;
  for (const std::string& name : names) {
    const auto begins = [&](const Rule& rule) { return std::string_view(rule.name).starts_with(name); };
    if (std::none_of(all.begin(), all.end(), begins)) {
      std::vector<std::string> known;
      for (const Rule& rule : all) known.emplace_back(rule.name);
      throw Error(fmt::format("there is no rule '{}'", name), suggestion(name, "rules", known));
    }
    std::copy_if(all.begin(), all.end(), std::back_inserter(chosen), begins);
  }
  return chosen;
}

// "libmine.so" is a file here; a bare name is looked up as everywhere.
Plugin find_plugin(const ConformanceArguments& arguments) {
  const bool is_file = arguments.plugin.find('/') == std::string::npos && arguments.plugin.ends_with(".so");
  return Plugin::load(
      PluginPath(arguments.plugin_dirs).find(is_file ? "./" + arguments.plugin : arguments.plugin).path);
}

std::vector<Subject> subjects_of(const ConformanceArguments& arguments, const Plugin& plugin) {
  std::vector<std::string> precisions = arguments.precisions;
  if (precisions.empty()) {
    for (const PrecisionDescription& precision : plugin.precisions()) precisions.push_back(precision.name);
  }
  const auto options = parse_options(arguments.options);
  static_cast<void>(OptionValues(plugin.options(), options));  // checks them
  std::vector<Subject> subjects;
  for (const std::string& precision : precisions) {
    if (!plugin.description().has_precision(precision)) {
      throw Error(fmt::format("backend {} has no precision '{}'", plugin.name(), precision),
                  "inferbench backends lists what each backend offers");
    }
    Subject subject{plugin, precision, options, conformance::default_tolerance(precision)};
    if (arguments.rounding) subject.tolerance.rounding = *arguments.rounding;
    if (arguments.numerics) subject.tolerance.numerics = *arguments.numerics;
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

/// The report as it grows, on stdout.
class TextReport {
 public:
  explicit TextReport(bool colour) : colour_(colour) {}

  void begin(const Examined& examined, std::size_t n_rules) const {
    fmt::print(
        "{} {}: {}\n", examined.subject.plugin.name(), examined.subject.precision,
        examined.unsupported.empty() ? fmt::format("{} rules", n_rules) : "unsupported here: " + examined.unsupported);
    std::fflush(stdout);
  }

  void add(const Finding& finding) const {
    const bool broken = finding.verdict == Verdict::kBroken;
    const std::string verdict = fmt::format("{:<6}", broken ? "BROKEN" : std::string(to_string(finding.verdict)));
    fmt::print("  {}  {:<32} {}\n",
               painted(broken                              ? "31"
                       : finding.verdict == Verdict::kKept ? "32"
                                                           : "2",
                       verdict),
               finding.rule.name, finding.rule.text);
    for (const std::string& reason : finding.reasons) fmt::print("            {}\n", reason);
    std::fflush(stdout);
  }

  void end(const Examined& examined) const {
    if (!examined.unsupported.empty()) return;
    fmt::print("{} {}: {} kept, {} broken, {} exempt\n", examined.subject.plugin.name(), examined.subject.precision,
               examined.count(Verdict::kKept), examined.count(Verdict::kBroken), examined.count(Verdict::kExempt));
  }

 private:
  std::string painted(const char* code, const std::string& text) const {
    return colour_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
  }

  bool colour_;
};

Json examined_json(const Examined& examined) {
  Json json{{"precision", examined.subject.precision},
            {"rounding", examined.subject.tolerance.rounding},
            {"numerics", examined.subject.tolerance.numerics},
            {"unsupported", examined.unsupported.empty() ? Json(nullptr) : Json(examined.unsupported)},
            {"kept", examined.count(Verdict::kKept)},
            {"broken", examined.count(Verdict::kBroken)},
            {"exempt", examined.count(Verdict::kExempt)},
            {"rules", Json::array()}};
  for (const Finding& finding : examined.findings) {
    json["rules"].push_back({{"name", finding.rule.name},
                             {"text", finding.rule.text},
                             {"verdict", to_string(finding.verdict)},
                             {"reasons", finding.reasons}});
  }
  return json;
}

void print_findings_json(const Plugin& plugin, const std::vector<Examined>& all) {
  Json json{{"backend", plugin.name()},
            {"version", plugin.description().version},
            {"build", plugin.description().build},
            {"path", plugin.path()},
            {"precisions", Json::array()}};
  for (const Examined& examined : all) json["precisions"].push_back(examined_json(examined));
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

ExitCode conform(const ConformanceArguments& arguments) {
  const std::vector<Rule> rules = chosen_rules(arguments.rules);
  if (arguments.list) {
    for (const Rule& rule : rules) fmt::print("{:<32} {}\n", rule.name, rule.text);
    return ExitCode::kDone;
  }
  if (arguments.plugin.empty()) throw Error("conformance needs a backend", "inferbench conformance ./libmine.so");
  const Plugin plugin = find_plugin(arguments);
  const TextReport report(wants_colour(STDOUT_FILENO));
  std::vector<Examined> all;
  for (const Subject& subject : subjects_of(arguments, plugin)) {
    Examined& examined = all.emplace_back(Examined{subject, unsupported_here(subject), {}});
    if (!arguments.json) report.begin(examined, rules.size());
    for (const Rule& rule : rules) {
      if (!examined.unsupported.empty()) break;
      examined.findings.push_back(examine(rule, subject));
      if (!arguments.json) report.add(examined.findings.back());
    }
    if (!arguments.json) report.end(examined);
  }
  if (arguments.json) print_findings_json(plugin, all);
  const auto is_broken = [](const Examined& examined) { return examined.count(Verdict::kBroken) > 0; };
  if (std::any_of(all.begin(), all.end(), is_broken)) return ExitCode::kCheckFailed;
  const auto nothing = [](const Examined& examined) { return !examined.unsupported.empty(); };
  return std::all_of(all.begin(), all.end(), nothing) ? ExitCode::kBadInput : ExitCode::kDone;
}

constexpr const char* kConformanceFooter =
    "Every rule runs in a process of its own, on small models that are made up; logits are compared with the header's\n"
    "definition of GPT-2 in float64.\n"
    "  inferbench conformance ./libmine.so --precision int8 --rule sequences\n"
    "Exit codes: 0 every rule kept, 1 some broken, 2 wrong use, or nothing that this machine can do.";

}  // namespace

void add_conformance_command(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<ConformanceArguments>();
  CLI::App* command =
      app.add_subcommand("conformance", "Does a backend keep the contract of backend.h? For plugin authors");
  command->add_option("plugin", arguments->plugin, "The backend's library, or the name of one that is installed")
      ->type_name("PLUGIN.so");
  command->add_option("--precision", arguments->precisions, "Only this one; may be given again [all]")
      ->allow_extra_args(false)
      ->type_name("P");
  command->add_option("--option", arguments->options, "Option of the backend, KEY=VALUE; may be given again")
      ->allow_extra_args(false)
      ->type_name("K=V");
  command->add_option("--rule", arguments->rules, "Only rules whose names begin so; may be given again [all]")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command
      ->add_option("--rounding", arguments->rounding,
                   "What 'up to rounding' may mean, in standard deviations of the logits; 0: the same bits "
                   "[by precision]")
      ->check(CLI::NonNegativeNumber)
      ->type_name("X");
  command
      ->add_option("--numerics", arguments->numerics,
                   "How far logits may be from GPT-2's, root mean square, in their standard deviations [by precision]")
      ->check(CLI::PositiveNumber)
      ->type_name("X");
  command->add_flag("--list", arguments->list, "List the rules; examine nothing");
  add_plugin_dir_option(*command, arguments->plugin_dirs);
  add_json_flag(*command, arguments->json);
  command->footer(kConformanceFooter);
  command->callback([arguments, &context] { context.exit_code = static_cast<int>(conform(*arguments)); });
}

}  // namespace inferbench
