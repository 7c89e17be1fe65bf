// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm_scripts.hpp"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>

#include "cluster/shell_quote.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

// Merging and reporting takes seconds.
constexpr int kCollectMinutes = 30;

// A comment must stay on its line, whatever the experiment is called.
std::string comment_text(const std::string& text) {
  return one_line(text, 100);
}

std::string run_command_text(const SlurmSweep& sweep) {
  std::vector<std::string> words{sweep.program, "run", sweep.experiment};
  for (const std::string& one : sweep.overrides) words.insert(words.end(), {"--set", one});
  for (const std::string& one : sweep.plugin_dirs) words.insert(words.end(), {"--plugin-dir", one});
  const std::string shard = sweep.each_node ? "" : fmt::format(" --shard \"$task/{}\"", sweep.tasks.size());
  const std::string kind = sweep.each_node ? "node" : "shard";
  return fmt::format("{}{} --into \"$folder/{}-$task\"", shell_command(words), shard, kind);
}

std::int64_t number_of(const std::string& task) {
  std::int64_t number = 0;
  std::from_chars(task.data(), task.data() + task.size(), number);
  return number;
}

std::string job_name(const SlurmSweep& sweep, const std::string& what) {
  return fmt::format("--job-name=inferbench-{}-{}", one_line(sweep.name, 60), what);
}

void add_option(std::vector<std::string>& words, const std::string& option, const std::string& value) {
  if (!value.empty()) words.push_back(fmt::format("{}={}", option, value));
}

std::string log_option(const SlurmSweep& sweep, const std::string& name) {
  return fmt::format("--output={}/{}.log", pattern_path((std::filesystem::path(sweep.folder) / "logs").string()), name);
}

}  // namespace

std::string task_script(const SlurmSweep& sweep) {
  return fmt::format(
      R"bash(#!/bin/bash
# {what} of the experiment {name}. Written by inferbench slurm.
task=${{1:-$SLURM_ARRAY_TASK_ID}}
folder={folder}
job=${{SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}}${{SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}}
note() {{
  printf '%s %s job %s node %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "$job" "$SLURMD_NODENAME" >>"$folder/tasks/$task"
}}

note begins
# A restarted task continues its own run folder.
{run}
code=$?
note "exits $code"
# 3: trials failed. They are rows of the result, so the task did its work.
[ "$code" -eq 3 ] && code=0
exit "$code"
)bash",
      fmt::arg("what", sweep.each_node ? "A node's run" : "A shard"), fmt::arg("name", comment_text(sweep.name)),
      fmt::arg("folder", shell_quoted(sweep.folder)), fmt::arg("run", run_command_text(sweep)));
}

std::string collect_script(const SlurmSweep& sweep) {
  std::string text = fmt::format(
      R"(#!/bin/bash
# Merges, reports and checks the experiment {name} after all tasks. Written by inferbench slurm.
folder={folder}
inferbench={program}

"$inferbench" slurm --status "$folder" || exit
)",
      fmt::arg("name", comment_text(sweep.name)), fmt::arg("folder", shell_quoted(sweep.folder)),
      fmt::arg("program", shell_quoted(sweep.program)));
  if (sweep.tasks.size() == 1) {
    text += fmt::format("run=\"$folder/{}\"\n", task_folder(sweep, sweep.tasks.front()).filename().string());
  } else {
    text +=
        fmt::format("run=$(\"$inferbench\" merge {}\"$folder\"/{}-* --out {}) || exit\n",
                    sweep.each_node ? "--each-node " : "", sweep.each_node ? "node" : "shard", shell_quoted(sweep.out));
  }
  text += R"("$inferbench" report "$run" --format md || exit
"$inferbench" report "$run" --output "$run/report.html" || exit
echo "results: $run"
)";
  if (sweep.has_targets) text += "\"$inferbench\" check \"$run\"\n";
  return text;
}

std::string array_text(const std::vector<std::string>& tasks) {
  std::string text;
  for (std::size_t i = 0; i < tasks.size();) {
    std::size_t end = i + 1;
    while (end < tasks.size() && number_of(tasks[end]) == number_of(tasks[end - 1]) + 1) ++end;
    text += fmt::format("{}{}", text.empty() ? "" : ",", tasks[i]);
    if (end - i > 1) text += fmt::format("-{}", tasks[end - 1]);
    i = end;
  }
  return text;
}

std::string pattern_path(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '%' || c == '\\') pattern += c;
    pattern += c;
  }
  return pattern;
}

std::vector<std::string> task_command(const SlurmSweep& sweep, const std::vector<std::string>& tasks) {
  const SlurmOptions& options = sweep.options;
  std::vector<std::string> words{"sbatch", "--parsable", job_name(sweep, "tasks")};
  if (sweep.each_node) {
    add_option(words, "--nodelist", tasks.front());
    words.push_back(log_option(sweep, tasks.front()));
  } else {
    words.push_back(fmt::format("--array={}{}", array_text(tasks),
                                options.array_limit > 0 ? fmt::format("%{}", options.array_limit) : ""));
    words.push_back(log_option(sweep, "%a"));
  }
  // A restarted task appends to its log.
  words.insert(words.end(), {"--open-mode=append", "--requeue", "--nodes=1", "--ntasks=1",
                             fmt::format("--cpus-per-task={}", sweep.cpus), fmt::format("--time={}", options.time)});
  add_option(words, "--partition", options.partition);
  add_option(words, "--constraint", options.constraint);
  if (options.exclusive) words.emplace_back("--exclusive");
  words.insert(words.end(), options.sbatch_args.begin(), options.sbatch_args.end());
  words.push_back((std::filesystem::path(sweep.folder) / "task.sh").string());
  if (sweep.each_node) words.push_back(tasks.front());
  return words;
}

std::vector<std::string> collect_command(const SlurmSweep& sweep, const std::vector<std::string>& task_jobs) {
  std::vector<std::string> words{"sbatch",
                                 "--parsable",
                                 job_name(sweep, "collect"),
                                 fmt::format("--dependency=afterany:{}", fmt::join(task_jobs, ":")),
                                 log_option(sweep, "collect"),
                                 "--open-mode=append",
                                 "--nodes=1",
                                 "--ntasks=1",
                                 fmt::format("--time={}", kCollectMinutes)};
  add_option(words, "--partition", sweep.options.partition);
  words.insert(words.end(), sweep.options.sbatch_args.begin(), sweep.options.sbatch_args.end());
  words.push_back((std::filesystem::path(sweep.folder) / "collect.sh").string());
  return words;
}

}  // namespace inferbench
