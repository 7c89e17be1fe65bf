// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/output.hpp"
#include "experiment/metrics.hpp"
#include "report/check.hpp"
#include "report/check_text.hpp"
#include "report/console_style.hpp"
#include "report/regression_rules.hpp"
#include "report/run_match.hpp"
#include "results/run_folder.hpp"
#include "results/run_place.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace {

struct CheckOptions {
  std::vector<std::filesystem::path> runs;
  std::filesystem::path against;
  std::vector<std::string> thresholds;
  std::vector<std::string> metrics;
  std::string markdown;
  std::string junit;
  bool all = false;
  bool json = false;
};

int exit_code_of(CheckVerdict verdict) {
  if (verdict == CheckVerdict::kFail) return static_cast<int>(ExitCode::kCheckFailed);
  return static_cast<int>(verdict == CheckVerdict::kUnclear ? ExitCode::kUnclear : ExitCode::kDone);
}

RegressionOptions regression_options(const CheckOptions& options, const RunInfo& run) {
  RegressionOptions regressions;
  regressions.rules = regressions_of(run);
  for (const std::string& text : options.thresholds) regressions.rules.push_back(parse_threshold(text, run));
  regressions.metrics = judged_metrics(regressions.rules, options.metrics);
  return regressions;
}

// Differences between the runs that may explain a change without any change of a backend.
std::vector<std::string> differences_of(const RunInfo& before, const RunInfo& now) {
  constexpr std::size_t kMostWarnings = 6;
  std::vector<std::string> warnings;
  for (const Difference& difference : find_differences(before, now)) {
    const auto text = [](const std::string& value) { return value.empty() ? "unknown" : one_line(value, 60); };
    const std::string was = text(difference.a);
    const std::string is = text(difference.b);
    warnings.push_back(was == is ? fmt::format("the runs differ: {}", difference.what)
                                 : fmt::format("the runs differ: {}: {}, now {}", difference.what, was, is));
  }
  if (warnings.size() <= kMostWarnings) return warnings;
  const std::size_t more = warnings.size() - kMostWarnings;
  warnings.resize(kMostWarnings);
  warnings.push_back(fmt::format("and {}: inferbench compare lists them", counted(more, "more difference")));
  return warnings;
}

CheckReport judge_all(const CheckOptions& options, const std::filesystem::path& folder) {
  const RunData run = read_run(folder);
  const std::vector<Target> targets = targets_of(run.info);
  if (targets.empty() && options.against.empty()) {
    throw Error(fmt::format("nothing to check: the experiment of {} has no targets", folder.string()),
                "add targets: to the experiment, or name an earlier run with --against RUN");
  }
  CheckReport report{run.info.name, options.against.string(), check_targets(run, targets), {}};
  if (options.against.empty()) return report;
  const RunData before = read_run(find_run(options.against));
  const auto found = check_regressions(run, before, regression_options(options, run.info));
  report.results.insert(report.results.end(), found.begin(), found.end());
  report.warnings = differences_of(before.info, run.info);
  return report;
}

int check(const CheckOptions& options) {
  const bool elsewhere = take_standard_output(
      {{"--markdown", options.markdown}, {"--junit", options.junit}, {"--json", options.json ? "-" : ""}});
  const CheckReport report = judge_all(options, find_exactly(1, options.runs, "check").front());
  for (const std::string& warning : report.warnings) print_message("inferbench: warning: {}\n", warning);
  if (!options.markdown.empty()) write_output_file(options.markdown, check_markdown(report));
  if (!options.junit.empty()) write_output_file(options.junit, check_junit(report));
  if (options.json) {
    write_result(check_json(report));
  } else if (elsewhere) {
    write_message(check_console(report, wants_colour(STDERR_FILENO), options.all));
  } else {
    write_result(check_console(report, wants_colour(STDOUT_FILENO), options.all));
  }
  return exit_code_of(overall_verdict(report.results));
}

constexpr const char* kCheckFooter =
    "Each verdict comes from a 99% interval: pass if the entire interval is within the bound, fail if all of it\n"
    "is beyond, otherwise unclear. To resolve an unclear verdict, add blocks or stop other programs. Fewer than\n"
    "five blocks and missing measurements are unclear, too. A contender that failed in all trials fails; one that\n"
    "failed in some trials cannot pass.\n"
    "A threshold is [METRIC][@KEY=VALUE,...]=PERCENT, such as decode_tokens_per_s=3% or ttft_ms@prompt=512=10%.\n"
    "Keys: prompt, generate, batch, threads, model, contender. If several thresholds match, the one with the most\n"
    "conditions counts.\n"
    "Exit codes: 0 pass, 1 something failed, 4 nothing failed but something is unclear, 2 wrong use or input.\n"
    "docs/ci_check.md has a workflow that runs this on pull requests.";

}  // namespace

void add_check_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App& command = *app.add_subcommand("check", "Judge a run by its targets, or compare it with an earlier run");
  command.add_option("run", options->runs, "The run folder, or results/NAME for its latest run")
      ->required()
      ->type_name("RUN");
  command.add_option("--against", options->against, "An earlier run of the same experiment: nothing may be worse")
      ->type_name("RUN");
  command
      .add_option(
          "--threshold", options->thresholds,
          "With --against: how much worse counts as a regression, in percent [5]; may be given again for single\n"
          "metrics or points")
      ->allow_extra_args(false)
      ->type_name("PERCENT|RULE");
  command
      .add_option(
          "--metric", options->metrics,
          "With --against: the metric to judge; may be given again [ttft_ms, decode_tokens_per_s, peak_rss_bytes\n"
          "and the metrics that thresholds name]")
      ->check(CLI::IsMember(judged_metric_names()))
      ->allow_extra_args(false)
      ->type_name("METRIC");
  command.add_option("--markdown", options->markdown, "Also write a summary for a pull request; - is standard output")
      ->type_name("FILE");
  command.add_option("--junit", options->junit, "Also write JUnit XML; - is standard output")->type_name("FILE");
  command.add_flag("--all", options->all, "Also print what passed");
  add_json_flag(command, options->json);
  command.footer(kCheckFooter);
  command.callback([options, &context] { context.exit_code = check(*options); });
}

}  // namespace inferbench
