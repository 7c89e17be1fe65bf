// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/install_tree.hpp"
#include "cli/interrupt.hpp"
#include "cli/run_profiles.hpp"
#include "cli/run_progress.hpp"
#include "experiment/plan.hpp"
#include "experiment/plan_text.hpp"
#include "measure/affinity.hpp"
#include "measure/counter_places.hpp"
#include "report/comparison.hpp"
#include "report/console_style.hpp"
#include "report/console_table.hpp"
#include "report/frontier_table.hpp"
#include "report/headline.hpp"
#include "report/quality_table.hpp"
#include "report/report.hpp"
#include "results/environment_difference.hpp"
#include "results/run_folder.hpp"
#include "results/run_notes.hpp"
#include "results/trial_index.hpp"
#include "run/child_process.hpp"
#include "run/device_state.hpp"
#include "run/limits.hpp"
#include "run/preparation.hpp"
#include "run/process_runner.hpp"
#include "run/prompt_source.hpp"
#include "run/quality_sweep.hpp"
#include "run/source.hpp"
#include "run/trial_sweep.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/print.hpp"
#include "support/shortage.hpp"
#include "worker/loaded_contender.hpp"

namespace inferbench {

namespace {

struct RunOptions {
  RunChoice source;
  std::filesystem::path out = "results";
  std::vector<std::filesystem::path> plugin_dirs;
  CounterPlaces places;
  bool plan = false;
  bool profile = false;
  bool json = false;
  bool in_process = false;
};

RunFolder open_folder(const RunOptions& options, const RunInfo& info, RunSource& source) {
  std::optional<RunFolder>& resumed = source.resumed;
  if (!resumed && !options.source.into.empty()) return RunFolder::create_at(options.source.into, info);
  if (!resumed) return RunFolder::create(options.out, info);
  if (const std::string difference = find_difference(resumed->info(), info); !difference.empty()) {
    throw Error(fmt::format("cannot resume {}: {}", resumed->path().string(), difference),
                "restore what the run started with, or start a new run");
  }
  if (source.moved) resumed->describe(std::move(*source.moved));
  return std::move(*resumed);
}

// Lists the differences from the run that is reproduced. They are normal on another machine, and the first thing to
// check if results differ.
void warn_of_differences(const RunInfo& before, const RunInfo& now) {
  std::vector<std::string> lines = environment_differences(before.environment, now.environment);
  if (std::string other = find_difference(before, now); !other.empty()) lines.insert(lines.begin(), std::move(other));
  for (const std::string& line : lines) print_message("inferbench: warning: differs from that run: {}\n", line);
}

void warn_of_weak_lock(const RunFolder& folder) {
  if (folder.lock_weakness().empty()) return;
  print_message("inferbench: warning: {}: make sure that only one inferbench writes to {}\n", folder.lock_weakness(),
                folder.path().string());
}

void print_results(const RunOptions& options, const RunFolder& folder) {
  if (options.json) {
    print_result("{}", report_json(make_report(folder.data(), folder.path().string())));
    return;
  }
  const bool colour = wants_colour(STDOUT_FILENO);
  const RunData& run = folder.data();
  const TrialIndex index(run);
  const Comparison comparison = compare_contenders(run, index);
  print_result("{}{}{}\n", console_table(comparison, headlines_of(run.info, index), colour),
               frontier_table(comparison, frontiers_of(run, index), ConsoleStyle(colour)), quality_table(run, colour));
  for (const std::string& note : run_notes(run)) print_result("note: {}\n", note);
  print_result("results: {}\n", folder.path().string());
}

bool any_failed(const RunFolder& folder) {
  const auto failed = [](const auto& row) { return !row.ok(); };
  return std::any_of(folder.trials().begin(), folder.trials().end(), failed) ||
         std::any_of(folder.quality().begin(), folder.quality().end(), failed);
}

// Trials with a changed file must not be recorded under the original file's name.
void require_unchanged(InputFiles& files, const std::filesystem::path& folder) {
  const std::string change = files.find_change();
  if (change.empty()) return;
  throw Error(change,
              fmt::format("start a new run, or restore the file, then: inferbench run --resume {}", folder.string()));
}

// A worker process for each contender, or everything in this process for use with a debugger.
RunnerFactory runner_factory(const RunOptions& options) {
  const CounterPlaces& places = options.places;
  if (options.in_process) {
    return [places] { return std::make_unique<LoadedContender>("/proc/self/clear_refs", places); };
  }
  const std::vector<std::string> command{"/proc/self/exe", "worker",     "--nvml",
                                         places.nvml,      "--powercap", places.powercap};
  return [patience = std::make_shared<TeardownPatience>(), command] {
    return std::make_unique<ProcessRunner>(command, patience);
  };
}

void print_plan(const Experiment& experiment, const Shard& shard) {
  if (!shard.whole()) {
    print_result("shard {}/{}: {} of the experiment's {}\n", shard.index, shard.count,
                 shard_of(experiment, shard).points.size(), counted(experiment.points.size(), "point"));
  }
  print_result("{}", plan_text(experiment, shard));
}

int run(const RunOptions& options) {
  const std::optional<CpuTimes> cpu_times = cpu_times_now();
  const PluginPath plugins(options.plugin_dirs);
  RunChoice choice = options.source;
  if (!choice.experiment.empty() && choice.resume.empty()) choice.experiment = find_experiment(choice.experiment);
  RunSource source = open_source(choice, plugins);
  const Experiment& experiment = source.experiment;
  const PromptSource prompts(experiment);
  for (const std::string& line : experiment.left_out) print_message("inferbench: note: left out: {}\n", line);
  if (options.plan) {
    print_plan(experiment, source.shard);
    return 0;
  }

  // Workers inherit the binding, and the machine's limits are measured on the same CPUs.
  bind_to_cpus(experiment.measure.cpus);
  InputFiles files;
  RunInfo info = describe_run(experiment, plugins, source.shard, files, options.places);
  info.program = std::string("inferbench ") + INFERBENCH_VERSION;
  info.prompt_notes = prompts.notes();
  if (source.reproduced) warn_of_differences(*source.reproduced, info);
  const std::vector<std::string> warnings = machine_warnings(experiment, cpu_times);  // before any own load
  if (!source.resumed) {
    info.idle_power = idle_power_for_run(experiment, options.places);
    info.machine = limits_for_run(experiment, plugins, print_line);
  }
  if (!options.in_process) require_files_for_workers(experiment.contenders.size());
  RunFolder folder = open_folder(options, info, source);
  warn_of_weak_lock(folder);
  for (const std::string& warning : warnings) print_message("inferbench: warning: {}\n", warning);
  const InterruptGuard interrupt;
  RunProgress progress(experiment, folder, isatty(STDERR_FILENO) == 1);
  const SweepSetup setup{experiment,
                         info.plugins,
                         runner_factory(options),
                         [&] { return interrupt.requested(); },
                         progress,
                         [&] { require_unchanged(files, folder.path()); }};
  bool complete = true;
  try {
    if (experiment.quality) {
      const PluginDescription reference = plugins.find(experiment.quality->reference, experiment.file.parent_path());
      complete = run_quality(setup, reference, folder);
    }
    complete = complete && run_sweep(setup, folder);
  } catch (const ShortageError& error) {  // the finished trials are kept
    throw ShortageError(error.what(),
                        fmt::format("{}; then: inferbench run --resume {}", error.cure(), folder.path().string()));
  }
  progress.finish();
  print_results(options, folder);
  if (complete && options.profile) write_profiles(setup, folder);
  progress.finish();
  if (!complete) {
    print_message("inferbench: stopped; to continue: inferbench run --resume {}\n", folder.path().string());
    return kInterrupted;
  }
  return static_cast<int>(any_failed(folder) ? ExitCode::kTrialsFailed : ExitCode::kDone);
}

constexpr const char* kRunFooter =
    "Everything is checked before the first measurement. A failed trial is recorded with its reason, and the sweep\n"
    "continues. Ctrl-C finishes and records the current trial; --resume continues the run. A second Ctrl-C stops at\n"
    "once.\n"
    "Exit codes: 0 all trials ok, 2 wrong use or input, 3 some trials failed, 130 stopped by Ctrl-C.";

}  // namespace

void add_run_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<RunOptions>();
  CLI::App& command =
      *app.add_subcommand("run", "Run an experiment file: every contender at every point, side by side");
  command.add_option("experiment", options->source.experiment, "The experiment")->type_name("EXPERIMENT.yaml");
  command.add_option("--set", options->source.overrides, "Change a key of the experiment, such as sweep.batch=[1,8]")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  const CLI::Option* out =
      command.add_option("--out", options->out, "Parent of the run folder: DIR/<name>/<time>-<id>/")
          ->type_name("DIR")
          ->capture_default_str();
  command.add_option("--resume", options->source.resume, "Continue a run that was stopped or killed")
      ->type_name("FOLDER");
  command
      .add_option("--reproduce", options->source.reproduce,
                  "Run the experiment of an earlier run again and list what changed")
      ->type_name("RUN.JSON");
  command
      .add_option("--shard", options->source.shard,
                  "Only every N-th point, starting with the K-th; merge joins the shards")
      ->type_name("K/N");
  command
      .add_option("--into", options->source.into,
                  "The run folder itself: created if absent, otherwise continued. For jobs that may be restarted")
      ->type_name("FOLDER");
  command.add_flag("--plan", options->plan, "Print what would run and about how long it takes; measure nothing");
  command.add_flag(
      "--profile", options->profile,
      "Afterwards, run each point once more, untimed, and write a Chrome trace and a table of where the time goes");
  command.add_flag("--in-process", options->in_process,
                   "Use no worker processes: a backend crash ends the run (for debuggers and sanitizers)");
  add_plugin_dir_option(command, options->plugin_dirs);
  add_counter_options(command, options->places);
  add_json_flag(command, options->json);
  command.footer(kRunFooter);
  command.callback([options, out, &context] {
    options->source.out_given = !out->empty();
    context.holds_plugin = options->in_process;
    context.exit_code = run(*options);
  });
}

}  // namespace inferbench
