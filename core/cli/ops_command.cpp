// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/install_tree.hpp"
#include "cli/interrupt.hpp"
#include "experiment/operator_experiment.hpp"
#include "measure/affinity.hpp"
#include "model/input_files.hpp"
#include "plugin/backend_reference.hpp"
#include "plugin/plugin_path.hpp"
#include "report/console_style.hpp"
#include "report/operator_report.hpp"
#include "run/child_process.hpp"
#include "run/limits.hpp"
#include "run/operator_sweep.hpp"
#include "support/error.hpp"
#include "support/print.hpp"

namespace inferbench {
namespace {

struct OpsArguments {
  std::filesystem::path experiment;
  OperatorFlags flags;
  std::vector<std::filesystem::path> plugin_dirs;
  bool no_limits = false;
  bool json = false;
};

std::vector<std::string> library_paths(const OperatorExperiment& experiment, const PluginPath& plugins) {
  std::vector<std::string> paths;
  for (const Contender& contender : experiment.contenders) {
    paths.push_back(plugins.find(contender.plugin, experiment.folder).path.string());
  }
  return paths;
}

std::vector<std::int32_t> thread_counts(const OperatorExperiment& experiment) {
  std::vector<std::int32_t> counts;
  for (const OperatorPoint& point : experiment.points) {
    if (std::find(counts.begin(), counts.end(), point.threads) == counts.end()) counts.push_back(point.threads);
  }
  return counts;
}

int run_ops(const OpsArguments& arguments) {
  const PluginPath plugins(arguments.plugin_dirs);
  const auto file = arguments.experiment.empty() ? std::nullopt : std::optional(find_experiment(arguments.experiment));
  OperatorResults results;
  results.experiment = load_operator_experiment(file, arguments.flags, real_lookups(plugins));
  for (const std::string& line : results.experiment.left_out) {
    print_message("inferbench: note: left out: {}\n", line);
  }
  bind_to_cpus(results.experiment.measure.cpus);
  require_files_for_workers(results.experiment.contenders.size());
  const InterruptGuard interrupt;
  if (!arguments.no_limits) results.machine = measure_limits(thread_counts(results.experiment), print_line);
  if (results.machine) {
    add_device_limits(results.experiment.contenders, results.experiment.folder, plugins, print_line, *results.machine);
  }
  InputFiles files;
  const auto libraries = library_paths(results.experiment, plugins);
  for (std::size_t i = 0; i < libraries.size(); ++i) {
    files.add("the backend of " + results.experiment.contenders[i].name, {libraries[i]});
  }
  const auto check_files = [&] {
    if (const std::string change = files.find_change(); !change.empty()) throw Error(change, "run it again");
  };
  std::optional<Error> broken_off;
  try {
    run_operators({results.experiment,
                   libraries,
                   {"/proc/self/exe", "worker"},
                   results.machine,
                   [&] { return interrupt.requested(); },
                   print_line,
                   check_files},
                  results.points);
  } catch (const Error& error) {
    broken_off = error;  // the finished results are shown first
  }
  print_result("{}", arguments.json ? operator_json(results) : operator_table(results, wants_colour(STDOUT_FILENO)));
  if (broken_off) throw Error(*broken_off);
  if (results.points.size() < results.experiment.points.size()) return kInterrupted;
  for (const OperatorResult& point : results.points) {
    if (std::any_of(point.rows.begin(), point.rows.end(), [](const OperatorRow& row) { return row.failed(); })) {
      return static_cast<int>(ExitCode::kTrialsFailed);
    }
  }
  return static_cast<int>(ExitCode::kDone);
}

constexpr const char* kOpsFooter =
    "Keys of --shape:\n"
    "  norm        rows, width, norm                linear   rows, in, out, bias\n"
    "  activation  rows, width, activation, gated   rotary   tokens, past, heads, kv_heads, head_dim\n"
    "  mlp         rows, width, inner, activation, gated, bias\n"
    "  attention   tokens, past, heads, kv_heads, head_dim, window, rotary, qk_norm, soft_cap\n"
    "  layer       those of attention and mlp (tokens, not rows), norm, post_norm\n"
    "  softmax     rows, width\n"
    "Missing keys come from --model and --tokens; past is half of the model's context for one token (at\n"
    "most 2048), else 0.\n"
    "--cache cold, the default, cycles through enough copies of the weights, keys and values that each run reads them\n"
    "from memory, as decoding does after all other layers. --cache hot measures a plain loop around one operator.\n"
    "A result too far from float64 is wrong_output and is not timed. An operator that a backend lacks is a row with\n"
    "the reason. Exit codes: 0 done, 2 wrong use or input, 3 something failed, 130 stopped by Ctrl-C.";

}  // namespace

void add_ops_command(CLI::App& app, CommandContext& context) {
  auto arguments = std::make_shared<OpsArguments>();
  CLI::App& command =
      *app.add_subcommand("ops", "Time single operators (linear, attention, ...) of several backends side by side");
  OperatorFlags& flags = arguments->flags;
  const auto repeated = [&](const char* name, std::vector<std::string>& values, const char* type, const char* what) {
    command.add_option(name, values, what)->type_name(type)->allow_extra_args(false);
  };
  const auto single = [&](const char* name, std::string& value, const char* type, const char* what) {
    command.add_option(name, value, what)->type_name(type);
  };
  command
      .add_option("experiment", arguments->experiment, "Backends, operators and shapes, such as configs/operators.yaml")
      ->type_name("EXPERIMENT.yaml");
  repeated("--backend", flags.backends, kReferenceForm, "A contender; may be given again");
  repeated("--op", flags.ops, "OP",
           "norm, linear, attention, activation, softmax, mlp, layer or rotary; may be given again");
  repeated("--shape", flags.shapes, "KEY=VALUE,...", "A shape, such as rows=[1,128],in=768; lists multiply out");
  single("--model", flags.model, "MODEL", "Model for sizes that --shape does not give (synthetic:gpt2)");
  repeated("--tokens", flags.tokens, "N", "Rows, if --shape gives none; may be given again (1 and 128)");
  repeated("--threads", flags.threads, "N", "Compute threads; may be given again (every CPU)");
  single("--baseline", flags.baseline, "CONTENDER", "The contender to compare with (the first)");
  single("--blocks", flags.blocks, "N", "How often each contender is timed at each shape (15)");
  single("--sample-ms", flags.sample_ms, "MS", "How long each sample repeats the operator (10)");
  single("--cache", flags.cache, "cold|hot", "Whether weights come from memory or the CPU caches (cold)");
  repeated("--set", flags.set, "KEY=VALUE", "Change a key of the experiment, such as measure.blocks=5");
  command.add_flag("--no-limits", arguments->no_limits, "Do not measure the machine's limits or report shares of them");
  add_plugin_dir_option(command, arguments->plugin_dirs);
  add_json_flag(command, arguments->json);
  command.footer(kOpsFooter);
  command.callback([arguments, &context] { context.exit_code = run_ops(*arguments); });
}

}  // namespace inferbench
