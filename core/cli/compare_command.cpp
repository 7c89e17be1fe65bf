// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/output.hpp"
#include "report/console_style.hpp"
#include "report/run_comparison.hpp"
#include "results/run_folder.hpp"
#include "results/run_place.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace {

struct CompareOptions {
  std::vector<std::filesystem::path> runs;
  std::string markdown;
  bool json = false;
};

void compare(const CompareOptions& options) {
  const bool elsewhere = take_standard_output({{"--markdown", options.markdown}, {"--json", options.json ? "-" : ""}});
  const std::vector<std::filesystem::path> runs = find_exactly(2, options.runs, "compare");
  const RunData before = read_run(runs[0]);
  const RunData after = read_run(runs[1]);
  const RunComparison comparison = compare_runs(before, after, runs[0].string(), runs[1].string());
  if (!options.markdown.empty()) write_output_file(options.markdown, run_comparison_markdown(comparison));
  if (options.json) {
    write_result(run_comparison_json(comparison));
  } else if (elsewhere) {
    write_message(run_comparison_console(comparison, wants_colour(STDERR_FILENO)));
  } else {
    write_result(run_comparison_console(comparison, wants_colour(STDOUT_FILENO)));
  }
}

constexpr const char* kCompareFooter =
    "Points are matched by model (its weights and configuration), lengths, batch and threads, contenders by name. The "
    "ratios are speeds of B against "
    "A\n"
    "with their 99% interval from independent samples; they hold for these two runs. What else may have changed from\n"
    "one to the other (another day, another room temperature) no single pair of runs can tell: repeat both.";

}  // namespace

void add_compare_command(CLI::App& app, CommandContext&) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App& command = *app.add_subcommand("compare", "Two runs side by side: before and after, or two machines");
  command
      .add_option("runs", options->runs,
                  "The run folder before and the one after; results/NAME stands for its latest run")
      ->required()
      ->type_name("RUN_A RUN_B");
  command.add_option("--markdown", options->markdown, "Also write it as Markdown; - is standard output")
      ->type_name("FILE");
  add_json_flag(command, options->json);
  command.footer(kCompareFooter);
  command.callback([options] { compare(*options); });
}

}  // namespace inferbench
