// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "analyze/analysis.hpp"
#include "analyze/analysis_table.hpp"
#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "results/run_folder.hpp"
#include "results/run_place.hpp"
#include "support/print.hpp"

namespace inferbench {
namespace {

struct AnalyzeOptions {
  std::vector<std::filesystem::path> runs;
  std::vector<std::string> metrics;
  bool json = false;
};

void analyze(const AnalyzeOptions& options) {
  std::vector<RunData> runs;
  for (const auto& folder : find_runs(options.runs)) runs.push_back(read_run(folder));
  const AnalysisResult result = analyze_runs(runs, options.metrics);
  if (options.json) {
    print_result("{}\n", to_json(result).dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    print_result("{}", analysis_table(result));
  }
}

}  // namespace

void add_analyze_command(CLI::App& app, CommandContext&) {
  auto options = std::make_shared<AnalyzeOptions>();
  CLI::App& command = *app.add_subcommand(
      "analyze", "What explains a metric: variance by axis, scaling exponents, gain from added threads");
  command
      .add_option("runs", options->runs,
                  "Run folders, or results/NAME for its latest run; several runs count as one sweep, each once")
      ->type_name("RUN")
      ->required();
  command.add_option("--metric", options->metrics, "Only this metric, such as ttft_ms; may be given again")
      ->type_name("NAME")
      ->allow_extra_args(false);
  add_json_flag(command, options->json);
  command.footer(
      "Shares are parts of the variance of the metric's logarithm. The share of an axis is what it explains alone,\n"
      "averaged over all orders of entry (Shapley's value of R2). Interactions are differences between\n"
      "configurations that no sum of such effects explains. Repeats are noise. An exponent says how a contender's\n"
      "metric grows along an axis with the others fixed: 1 means that doubling the axis doubles the metric.");
  command.callback([options] { analyze(*options); });
}

}  // namespace inferbench
