// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/install_tree.hpp"
#include "cluster/shell_quote.hpp"
#include "cluster/slurm_queue.hpp"
#include "cluster/slurm_submit.hpp"
#include "cluster/slurm_sweep.hpp"
#include "cluster/task_state.hpp"
#include "cluster/time_limit.hpp"
#include "experiment/load.hpp"
#include "plugin/plugin_path.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

struct SlurmCommand {
  std::string experiment;
  std::string resubmit;
  std::string status;
  std::vector<std::string> overrides;
  std::vector<fs::path> plugin_dirs;
  fs::path out = "results";
  std::int32_t shards = 0;
  bool each_node = false;
  std::vector<std::string> on;
  SlurmOptions options;
  bool dry_run = false;
  bool json = false;
};

std::string absolute_text(const fs::path& path) {
  return fs::absolute(path).lexically_normal().string();
}

void check_slurm_use(const SlurmCommand& command) {
  const auto given = static_cast<int>(!command.experiment.empty()) + static_cast<int>(!command.resubmit.empty()) +
                     static_cast<int>(!command.status.empty());
  if (given != 1) {
    throw Error(given == 0 ? "slurm needs an experiment file"
                           : "slurm takes an experiment file, --resubmit or --status, and only one of them",
                "inferbench slurm EXPERIMENT.yaml --nodes 4, or --resubmit FOLDER, or --status FOLDER");
  }
  if (command.each_node && command.shards != 0) {
    throw Error("--each-node runs the entire experiment on every node, and --nodes splits it",
                "leave out one of the two; --on names the nodes");
  }
  if (!command.each_node && !command.on.empty()) {
    throw Error("--on names the nodes of --each-node",
                "add --each-node, or choose nodes with --partition, --constraint");
  }
}

// Slurm's usual limit is an array of 1001 tasks.
constexpr std::int32_t kMostTasks = 1000;

// The tasks of a split experiment: one per point unless told otherwise. A shard without points would be an error.
std::vector<std::string> shard_names(std::int32_t wanted, const Experiment& experiment) {
  const auto points = static_cast<std::int32_t>(experiment.points.size());
  if (wanted > points) {
    print_message("inferbench: note: the experiment has only {}, so there are as many tasks\n",
                  counted(points, "point"));
  }
  const std::int32_t shards = std::min(wanted == 0 ? kMostTasks : wanted, points);
  std::vector<std::string> names;
  for (std::int32_t index = 1; index <= shards; ++index) names.push_back(std::to_string(index));
  return names;
}

std::vector<std::string> node_names(const SlurmCommand& command) {
  if (command.on.empty()) return list_nodes(command.options.partition, command.options.constraint);
  for (const std::string& node : command.on) {
    const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
    if (!node.empty() && std::all_of(node.begin(), node.end(), plain)) continue;
    throw Error(fmt::format("--on: '{}' is not the name of one node", node), "separate names by commas: --on n1,n2");
  }
  return command.on;
}

SlurmSweep plan_slurm_sweep(const SlurmCommand& command) {
  const PluginPath plugins(command.plugin_dirs);
  const fs::path file = find_experiment(command.experiment);
  const Experiment experiment = load_experiment(file, command.overrides, plugins);
  SlurmSweep sweep;
  sweep.name = experiment.name;
  sweep.experiment = absolute_text(file);
  sweep.overrides = command.overrides;
  for (const fs::path& folder : command.plugin_dirs) sweep.plugin_dirs.push_back(absolute_text(folder));
  sweep.program = fs::read_symlink("/proc/self/exe").string();
  sweep.out = absolute_text(command.out);
  sweep.folder = new_sweep_folder(command.out, experiment.name).string();
  sweep.each_node = command.each_node;
  sweep.tasks = command.each_node ? node_names(command) : shard_names(command.shards, experiment);
  for (const Point& point : experiment.points) sweep.cpus = std::max(sweep.cpus, point.threads);
  sweep.has_targets = !experiment.targets.empty();
  sweep.options = command.options;
  if (sweep.options.time.empty()) {
    const std::int32_t shards = command.each_node ? 1 : static_cast<std::int32_t>(sweep.tasks.size());
    sweep.options.time = std::to_string(time_limit_minutes(experiment, shards));
  }
  return sweep;
}

void print_submitted(const SlurmSweep& sweep, bool json) {
  const SlurmSubmission& done = sweep.submissions.back();
  if (json) {
    const nlohmann::ordered_json object{{"folder", sweep.folder},
                                        {"task_jobs", done.task_jobs},
                                        {"tasks", done.tasks},
                                        {"collect_job", done.collect_job}};
    print_result("{}\n", object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return;
  }
  print_result("submitted {} as job {}; then job {} merges, reports and checks\n", counted(done.tasks.size(), "task"),
               fmt::join(done.task_jobs, ", "), done.collect_job);
  print_result("time limit of a task: {}\nfolder: {}\nto see how far it is: inferbench slurm --status {}\n",
               sweep.options.time, sweep.folder, shell_quoted(sweep.folder));
}

void send(SlurmSweep& sweep, const std::vector<std::string>& tasks, const SlurmCommand& command) {
  if (command.dry_run) {
    print_result("{}", submission_text(sweep, tasks));
    return;
  }
  submit(sweep, tasks);
  print_submitted(sweep, command.json);
}

void print_states(const SlurmSweep& sweep, const std::vector<TaskState>& states, bool json) {
  if (!json) {
    print_result("{}", status_text(sweep, states));
    return;
  }
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const TaskState& state : states) {
    list.push_back({{"task", state.task},
                    {"folder", task_folder(sweep, state.task).string()},
                    {"state", state.word},
                    {"trials", state.present},
                    {"planned_trials", state.planned},
                    {"job", state.job},
                    {"node", state.node},
                    {"reason", state.reason}});
  }
  print_result("{}\n", list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

// Exit code 3 while anything is missing.
int print_status(const SlurmCommand& command) {
  const SlurmSweep sweep = read_sweep(command.status);
  const std::vector<TaskState> states = task_states(sweep, queued_tasks(sweep));
  print_states(sweep, states, command.json);
  const bool complete =
      std::all_of(states.begin(), states.end(), [](const TaskState& state) { return state.complete(); });
  return static_cast<int>(complete ? ExitCode::kDone : ExitCode::kTrialsFailed);
}

void resubmit(const SlurmCommand& command) {
  SlurmSweep sweep = read_sweep(command.resubmit);
  std::vector<std::string> tasks;
  for (const TaskState& state : task_states(sweep, queued_tasks(sweep))) {
    if (state.lost()) tasks.push_back(state.task);
  }
  if (tasks.empty()) {
    print_message("inferbench: nothing to repeat: every task is complete or still in the queue\n");
    return;
  }
  sweep.program = fs::read_symlink("/proc/self/exe").string();
  if (!command.options.time.empty()) sweep.options.time = command.options.time;
  send(sweep, tasks, command);
}

int slurm(const SlurmCommand& command) {
  check_slurm_use(command);
  if (!command.status.empty()) return print_status(command);
  if (!command.resubmit.empty()) {
    resubmit(command);
    return 0;
  }
  SlurmSweep sweep = plan_slurm_sweep(command);
  send(sweep, sweep.tasks, command);
  return 0;
}

void add_job_options(CLI::App& command, SlurmOptions& options) {
  command.add_option("--partition", options.partition, "Slurm partition of the tasks")->type_name("NAME");
  command.add_option("--constraint", options.constraint, "Feature that the nodes must have")->type_name("FEATURE");
  command.add_flag("--exclusive", options.exclusive,
                   "Share no node with other jobs, which would disturb the measurements");
  command.add_option("--array-limit", options.array_limit, "At most so many tasks at once")
      ->type_name("K")
      ->check(positive_number());
  command
      .add_option("--time", options.time, "Time limit of a task, as sbatch takes it [from the experiment's estimate]")
      ->type_name("TIME");
  command
      .add_option("--sbatch-arg", options.sbatch_args,
                  "Argument for every sbatch, such as --sbatch-arg=--account=physics; may be repeated")
      ->type_name("ARGUMENT")
      ->allow_extra_args(false);
}

constexpr const char* kSlurmFooter =
    "A task runs one shard of the points in its own run folder. If it is killed, preempted or requeued, it continues\n"
    "there. All nodes must see this program, the experiment, the models and the folder of --out.\n"
    "Exit codes: 0 submitted, or everything is complete; 2 wrong use, or Slurm refused; 3 (--status) tasks are "
    "missing.";

}  // namespace

void add_slurm_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<SlurmCommand>();
  CLI::App& command = *app.add_subcommand("slurm", "Run an experiment on a Slurm cluster: a job array, then merge");
  command.add_option("experiment", options->experiment, "The experiment")->type_name("EXPERIMENT.yaml");
  command.add_option("--set", options->overrides, "Change a key of the experiment, such as sweep.batch=[1,8]")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--nodes", options->shards, "Split the points into N tasks [one per point]")
      ->type_name("N")
      ->check(positive_number());
  command.add_flag("--each-node", options->each_node,
                   "Run the entire experiment once on every node, to compare machines");
  command.add_option("--on", options->on, "The nodes of --each-node [all that are up, from sinfo]")
      ->type_name("NODE,...")
      ->delimiter(',');
  add_job_options(command, options->options);
  command.add_option("--out", options->out, "Parent of the folders: DIR/<name>/slurm-<time>-<id>/")
      ->type_name("DIR")
      ->capture_default_str();
  command.add_flag("--dry-run", options->dry_run, "Print the scripts and the sbatch commands; submit nothing");
  command.add_option("--resubmit", options->resubmit, "Submit the tasks of a sweep again that are not complete")
      ->type_name("FOLDER");
  command.add_option("--status", options->status, "Show how far the tasks of a sweep are")->type_name("FOLDER");
  add_plugin_dir_option(command, options->plugin_dirs);
  add_json_flag(command, options->json);
  command.footer(kSlurmFooter);
  command.callback([options, &context] { context.exit_code = slurm(*options); });
}

}  // namespace inferbench
