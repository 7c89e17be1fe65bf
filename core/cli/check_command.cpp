// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iterator>
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
#include "results/run_folder.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

struct CheckOptions {
  std::filesystem::path run;
  std::filesystem::path against;
  double threshold_percent = 5;
  std::vector<std::string> metrics;
  std::filesystem::path markdown;
  std::filesystem::path junit;
  bool all = false;
  bool json = false;
};

int exit_code_of(CheckVerdict verdict) {
  if (verdict == CheckVerdict::kFail) return static_cast<int>(ExitCode::kCheckFailed);
  return static_cast<int>(verdict == CheckVerdict::kUnclear ? ExitCode::kUnclear : ExitCode::kDone);
}

std::vector<CheckResult> judge_all(const CheckOptions& options, const RunData& run) {
  const std::vector<Target> targets = targets_of(run.info);
  if (targets.empty() && options.against.empty()) {
    throw Error(fmt::format("nothing to check: the experiment of {} has no targets", options.run.string()),
                "add targets: to the experiment, or name an earlier run with --against RUN");
  }
  std::vector<CheckResult> results = check_targets(run, targets);
  if (!options.against.empty()) {
    RegressionOptions regressions;
    regressions.threshold = options.threshold_percent / 100;
    if (!options.metrics.empty()) regressions.metrics = options.metrics;
    const auto found = check_regressions(run, read_run(options.against), regressions);
    results.insert(results.end(), found.begin(), found.end());
  }
  return results;
}

int check(const CheckOptions& options) {
  const RunData run = read_run(options.run);
  const CheckReport report{run.info.name, options.against.string(), judge_all(options, run)};
  if (!options.markdown.empty()) write_output_file(options.markdown, check_markdown(report));
  if (!options.junit.empty()) write_output_file(options.junit, check_junit(report));
  const Destination out("-", {});
  out.write(options.json ? check_json(report) : check_console(report, wants_colour(STDOUT_FILENO), options.all));
  return exit_code_of(overall_verdict(report.results));
}

constexpr const char* kCheckFooter =
    "Each verdict comes from a 95% interval: pass where all of it keeps the bound, fail where all of it breaks it, "
    "else\n"
    "unclear: add blocks, or quieten the machine. A contender that failed at a point fails its targets there.\n"
    "Exit codes: 0 pass, 1 something failed, 4 nothing failed but something is unclear, 2 wrong use or input.\n"
    "docs/ci_check.md has a workflow that runs this on pull requests.";

}  // namespace

void add_check_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App& command = *app.add_subcommand("check", "Judge a run: its targets, and regressions against another run");
  command.add_option("run", options->run, "The run folder")->required()->type_name("RUN");
  command.add_option("--against", options->against, "An earlier run of the same experiment: nothing may be worse")
      ->type_name("RUN");
  command.add_option("--threshold", options->threshold_percent, "With --against: how much worse is a regression")
      ->check(CLI::Range(0.0, 99.0))
      ->capture_default_str()
      ->type_name("PERCENT");
  command
      .add_option("--metric", options->metrics,
                  "With --against: what is judged, may be given again; left out: ttft_ms, decode_tokens_per_s,\n"
                  "peak_rss_bytes")
      ->check(CLI::IsMember(metric_names()))
      ->allow_extra_args(false)
      ->type_name("METRIC");
  command.add_option("--markdown", options->markdown, "Also write a summary fit for a pull request")->type_name("FILE");
  command.add_option("--junit", options->junit, "Also write JUnit XML")->type_name("FILE");
  command.add_flag("--all", options->all, "Print what passed, too");
  add_json_flag(command, options->json);
  command.footer(kCheckFooter);
  command.callback([options, &context] { context.exit_code = check(*options); });
}

}  // namespace inferbench
