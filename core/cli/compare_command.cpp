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
    "Points are matched by model (weights and configuration), lengths, batch and threads; contenders by name.\n"
    "Each ratio is the speed of B over the speed of A, with a 99% interval for independent samples. It holds for\n"
    "these two runs only: a single pair cannot show what else changed between them, such as the room temperature.\n"
    "Repeat both runs to find out.";

}  // namespace

void add_compare_command(CLI::App& app, CommandContext&) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App& command = *app.add_subcommand("compare", "Compare two runs: before and after, or two machines");
  command.add_option("runs", options->runs, "Run folders before and after the change; results/NAME is its latest run")
      ->required()
      ->type_name("RUN_A RUN_B");
  command.add_option("--markdown", options->markdown, "Also write the result as Markdown; - is standard output")
      ->type_name("FILE");
  add_json_flag(command, options->json);
  command.footer(kCompareFooter);
  command.callback([options] { compare(*options); });
}

}  // namespace inferbench
