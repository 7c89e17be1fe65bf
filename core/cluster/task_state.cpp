// SPDX-License-Identifier: Apache-2.0
#include "cluster/task_state.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cluster/shell_quote.hpp"
#include "results/missing_trials.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kReasonLength = 160;

// The last start of a task, from its journal: "TIME begins job 12_3 node n1", later "TIME exits 0 job 12_3 node n1".
struct LastStart {
  bool began = false;
  bool ended = false;
  int exit_code = 0;
  std::string job;
  std::string node;
};

LastStart read_journal(const std::filesystem::path& path) {
  LastStart last;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string time;
    std::string what;
    words >> time >> what;
    if (what == "begins") last = {true, false, 0, {}, {}};
    if (what == "exits") last.ended = static_cast<bool>(words >> last.exit_code);
    std::string label;
    if (words >> label >> last.job && label == "job") words >> label >> last.node;
  }
  return last;
}

// The last error in a log, or its last line: an interrupted run still prints its results after Slurm's message.
std::string reason_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string last;
  std::string last_error;
  for (std::string line; std::getline(file, line);) {
    std::string clean = one_line(line, kReasonLength);
    if (clean.find("error: ") != std::string::npos) last_error = clean;
    if (!clean.empty()) last = std::move(clean);
  }
  return last_error.empty() ? last : last_error;
}

void count_trials(const SlurmSweep& sweep, TaskState& state) {
  const std::filesystem::path folder = task_folder(sweep, state.task);
  if (!std::filesystem::exists(folder / "run.json")) return;
  try {
    const RunData run = read_run(folder);
    state.present = planned_rows(run);
    state.planned = run.info.planned_trials;
  } catch (const Error& error) {
    state.reason = error.what();
  }
}

std::string word_of(const TaskState& state, const LastStart& last) {
  const bool did_its_work =
      last.ended && (last.exit_code == 0 || last.exit_code == static_cast<int>(ExitCode::kTrialsFailed));
  if (state.planned > 0 && state.present >= state.planned && did_its_work) return "complete";
  if (last.ended && last.exit_code != 0) return "failed";
  return last.began || state.planned > 0 ? "incomplete" : "not started";
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

TaskState state_of(const SlurmSweep& sweep, const std::string& task, const std::map<std::string, std::string>& queued) {
  TaskState state{task, {}, 0, 0};
  const LastStart last = read_journal(task_journal(sweep, task));
  state.job = last.job;
  state.node = last.node;
  count_trials(sweep, state);
  const auto in_queue = queued.find(task);
  state.word = in_queue == queued.end() ? word_of(state, last) : lower(in_queue->second);
  if (state.lost() && state.reason.empty()) state.reason = reason_in(task_log(sweep, task));
  return state;
}

}  // namespace

std::vector<TaskState> task_states(const SlurmSweep& sweep, const std::map<std::string, std::string>& queued) {
  std::vector<TaskState> states;
  for (const std::string& task : sweep.tasks) states.push_back(state_of(sweep, task, queued));
  return states;
}

std::string status_text(const SlurmSweep& sweep, const std::vector<TaskState>& states) {
  const std::string kind = sweep.each_node ? "node" : "shard";
  std::string text = fmt::format("{:<12} {:<12} {:>13}  {:<12} {:<12} {}\n", kind, "state", "trials", "job", "ran on",
                                 "reason, from its log");
  std::vector<std::string> lost;
  for (const TaskState& state : states) {
    const std::string trials = state.planned == 0 ? "-" : fmt::format("{} of {}", state.present, state.planned);
    std::string line =
        fmt::format("{:<12} {:<12} {:>13}  {:<12} {:<12} {}", state.task, state.word, trials,
                    state.job.empty() ? "-" : state.job, state.node.empty() ? "-" : state.node, state.reason);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (state.lost()) lost.push_back(state.task);
  }
  if (!lost.empty()) {
    text += fmt::format("{} of {} {} not complete: {}\nto repeat only {}: inferbench slurm --resubmit {}\n",
                        lost.size(), counted(states.size(), kind), lost.size() == 1 ? "is" : "are",
                        fmt::join(lost, ", "), lost.size() == 1 ? "it" : "these", shell_quoted(sweep.folder));
  }
  return text;
}

}  // namespace inferbench
