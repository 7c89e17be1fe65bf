// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/conformance_report.hpp"
#include "plugin/backend_child.hpp"
#include "plugin/plugin_path.hpp"
#include "report/console_style.hpp"
#include "support/error.hpp"
#include "support/print.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

using conformance::Rule;
using conformance::Subject;
using conformance::Verdict;

struct ConformanceArguments {
  std::string plugin;
  std::vector<std::string> precisions;
  std::vector<std::string> options;
  std::vector<std::string> rules;
  std::string device;
  std::string judge_as;
  std::optional<double> rounding;
  std::optional<double> numerics;
  std::vector<std::filesystem::path> plugin_dirs;
  bool whole_families = false;
  bool list = false;
  bool json = false;
};

// Selects rules by name or by prefix, such as "sequences". Each rule once, in the contract's order.
std::vector<Rule> chosen_rules(const std::vector<std::string>& names) {
  std::vector<Rule> all = conformance::all_rules();
  if (names.empty()) return all;
  const auto begins_with = [](const Rule& rule, const std::string& name) {
    return std::string_view(rule.name).starts_with(name);
  };
  for (const std::string& name : names) {
    if (std::none_of(all.begin(), all.end(), [&](const Rule& rule) { return begins_with(rule, name); })) {
      std::vector<std::string> known;
      for (const Rule& rule : all) known.emplace_back(rule.name);
      throw Error(fmt::format("there is no rule '{}'", name), suggestion(name, "rules", known));
    }
  }
  std::erase_if(all, [&](const Rule& rule) {
    return std::none_of(names.begin(), names.end(), [&](const std::string& name) { return begins_with(rule, name); });
  });
  return all;
}

// "libmine.so" means a file in this folder; a bare name is looked up as in other commands.
PluginDescription find_plugin(const ConformanceArguments& arguments) {
  const bool is_file = arguments.plugin.find('/') == std::string::npos && arguments.plugin.ends_with(".so");
  return PluginPath(arguments.plugin_dirs).find(is_file ? "./" + arguments.plugin : arguments.plugin);
}

std::vector<Subject> subjects_of(const ConformanceArguments& arguments, const Plugin& plugin) {
  std::vector<std::string> precisions = arguments.precisions;
  if (precisions.empty()) {
    for (const PrecisionDescription& precision : plugin.precisions()) precisions.push_back(precision.name);
  }
  const auto options = parse_options(arguments.options);
  static_cast<void>(OptionValues(plugin.options(), options));  // only to check them
  plugin.description().require_device(arguments.device);
  if (!arguments.judge_as.empty() && !conformance::says_its_bits(arguments.judge_as)) {
    throw Error(fmt::format("--judge-as: unknown precision '{}'", arguments.judge_as),
                "use a name that contains the number of bits, such as fp32, bf16, fp16, int8 or int4");
  }
  std::vector<Subject> subjects;
  for (const std::string& precision : precisions) {
    if (!plugin.description().has_precision(precision)) {
      throw Error(fmt::format("backend {} has no precision '{}'", plugin.name(), precision),
                  "inferbench backends lists what each backend offers");
    }
    const bool as_declared = arguments.judge_as.empty();
    Subject subject{plugin, precision, options,
                    as_declared ? conformance::tolerance_of_bits(plugin.description().meaning_of(precision)->bits)
                                : conformance::default_tolerance(arguments.judge_as),
                    as_declared ? precision : arguments.judge_as};
    subject.device = arguments.device;
    subject.whole_families = arguments.whole_families;
    if (arguments.rounding) subject.tolerance.rounding = *arguments.rounding;
    if (arguments.numerics) subject.tolerance.numerics = *arguments.numerics;
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

/// Shows the current rule on stderr, if that is a terminal.
class RuleProgress {
 public:
  explicit RuleProgress(bool terminal) : terminal_(terminal) {}
  ~RuleProgress() { show(""); }
  RuleProgress(const RuleProgress&) = delete;
  RuleProgress& operator=(const RuleProgress&) = delete;

  void show(const std::string& what) const {
    if (terminal_) print_message("\r\x1b[K{}", what);
  }

 private:
  bool terminal_;
};

Examined examine_all(const Subject& subject, const std::vector<Rule>& rules, bool terminal) {
  Examined examined{subject, unsupported_here(subject), {}, {}};
  if (!examined.unsupported.empty()) return examined;
  const RuleProgress progress(terminal);
  for (const Rule& rule : rules) {
    progress.show(fmt::format("{} {}: rule {} of {}: {}", subject.plugin.name(), subject.precision,
                              examined.findings.size() + 1, rules.size(), rule.name));
    examined.findings.push_back(examine(rule, subject));
  }
  progress.show("looking for the cause");
  examined.cause = find_cause(subject, examined.findings);
  return examined;
}

ExitCode verdict_of(const std::vector<Examined>& all) {
  const auto is_broken = [](const Examined& examined) { return examined.count(Verdict::kBroken) > 0; };
  if (std::any_of(all.begin(), all.end(), is_broken)) return ExitCode::kCheckFailed;
  const auto nothing = [](const Examined& examined) { return !examined.unsupported.empty(); };
  return std::all_of(all.begin(), all.end(), nothing) ? ExitCode::kBadInput : ExitCode::kDone;
}

/// Runs in the child that has loaded the backend; each rule is tried in a fork of the child.
class Examination {
 public:
  // Requests.
  static constexpr std::string_view kCount = "count";         ///< number of subjects
  static constexpr std::string_view kNext = "next";           ///< examines the next subject and returns its report
  static constexpr std::string_view kJson = "json";           ///< all results as JSON
  static constexpr std::string_view kExitCode = "exit_code";  ///< the exit code for the results

  /// Properties of this process's streams, since the child's streams differ.
  struct Streams {
    bool colour = wants_colour(STDOUT_FILENO);
    bool shows_progress = isatty(STDERR_FILENO) != 0;
  };

  Examination(const ConformanceArguments& arguments, const std::filesystem::path& library, const Streams& streams)
      : plugin_(Plugin::load(library)),
        subjects_(subjects_of(arguments, plugin_)),
        rules_(chosen_rules(arguments.rules)),
        streams_(streams) {}

  std::string serve(std::string_view request) {
    if (request == kCount) return std::to_string(subjects_.size());
    if (request == kJson) return conformance_json(plugin_, all_);
    if (request == kExitCode) return std::to_string(static_cast<int>(verdict_of(all_)));
    all_.push_back(examine_all(subjects_.at(all_.size()), rules_, streams_.shows_progress));
    return conformance_text(all_.back(), streams_.colour);
  }

 private:
  Plugin plugin_;
  std::vector<Subject> subjects_;
  std::vector<Rule> rules_;
  Streams streams_;
  std::vector<Examined> all_;
};

ExitCode conform(const ConformanceArguments& arguments) {
  const std::vector<Rule> rules = chosen_rules(arguments.rules);
  if (arguments.list) {
    for (const Rule& rule : rules) print_result("{:<32} {}\n", rule.name, rule.text);
    return ExitCode::kDone;
  }
  if (arguments.plugin.empty()) throw Error("conformance needs a backend", "inferbench conformance ./libmine.so");
  const PluginDescription found = find_plugin(arguments);
  BackendChild child(
      [&arguments, library = found.path, streams = Examination::Streams()]() -> BackendChild::Serve {
        const auto examination = std::make_shared<Examination>(arguments, library, streams);
        return [examination](std::string_view request) { return examination->serve(request); };
      },
      "backend " + found.name);
  const int n = std::stoi(child.call(Examination::kCount, "load"));
  for (int i = 0; i < n; ++i) {
    const std::string text = child.call(Examination::kNext, "the examination");
    if (arguments.json) continue;
    print_result("{}", text);
    flush_results();
  }
  if (arguments.json) print_result("{}", child.call(Examination::kJson, "the examination"));
  return static_cast<ExitCode>(std::stoi(child.call(Examination::kExitCode, "the examination")));
}

constexpr const char* kConformanceFooter =
    "Each rule runs in its own process, on small synthetic models that need only the features that the backend\n"
    "declares. Logits are compared with the header's formulas in float64. The first line of the report names the\n"
    "likely cause of broken rules.\n"
    "  inferbench conformance ./libmine.so --precision int8 --rule sequences\n"
    "  inferbench conformance ./libmine.so --option kv=bf16 --judge-as bf16\n"
    "Exit codes: 0 every rule kept, 1 some rules broken, 2 wrong use, or nothing is supported on this machine.";

}  // namespace

void add_conformance_command(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<ConformanceArguments>();
  CLI::App* command =
      app.add_subcommand("conformance", "Check that a backend keeps the contract of backend.h (for plugin authors)");
  command->add_option("plugin", arguments->plugin, "The backend's library, or the name of an installed backend")
      ->type_name("PLUGIN.so");
  command->add_option("--precision", arguments->precisions, "Only this one; may be given again [all]")
      ->allow_extra_args(false)
      ->type_name("P");
  command->add_option("--option", arguments->options, "Option of the backend, KEY=VALUE; may be given again")
      ->allow_extra_args(false)
      ->type_name("K=V");
  command->add_option("--rule", arguments->rules, "Only rules whose names begin with this; may be given again [all]")
      ->allow_extra_args(false)
      ->type_name("NAME");
  command->add_option("--device", arguments->device, "Device of the backend, such as cuda:0 [its first]")
      ->type_name("DEVICE");
  command
      ->add_option("--judge-as", arguments->judge_as,
                   "Allow the errors of this precision, such as bf16 if an option stores keys and values in bf16 "
                   "[the precision itself]")
      ->type_name("P");
  command
      ->add_option("--rounding", arguments->rounding,
                   "Largest difference due to rounding, in standard deviations of the logits; 0: bit-exact "
                   "[by precision]")
      ->check(CLI::NonNegativeNumber)
      ->type_name("X");
  command
      ->add_option("--numerics", arguments->numerics,
                   "Largest root mean square error of the logits, in their standard deviations [by precision]")
      ->check(positive_number())
      ->type_name("X");
  command->add_flag("--whole-families", arguments->whole_families,
                    "Ask only for models such as published families have, as of a table with IB_FLAG_WHOLE_FAMILIES");
  command->add_flag("--list", arguments->list, "List the rules and exit");
  add_plugin_dir_option(*command, arguments->plugin_dirs);
  add_json_flag(*command, arguments->json);
  command->footer(kConformanceFooter);
  command->callback([arguments, &context] { context.exit_code = static_cast<int>(conform(*arguments)); });
}

}  // namespace inferbench
