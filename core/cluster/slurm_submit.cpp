// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm_submit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cluster/command_output.hpp"
#include "cluster/shell_quote.hpp"
#include "cluster/slurm_scripts.hpp"
#include "results/utc_time.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/output_file.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

// The tasks of each sbatch: all in one array, or a job per node.
std::vector<std::vector<std::string>> jobs_of(const SlurmSweep& sweep, const std::vector<std::string>& tasks) {
  if (!sweep.each_node) return {tasks};
  std::vector<std::vector<std::string>> jobs;
  for (const std::string& task : tasks) jobs.push_back({task});
  return jobs;
}

std::string submit_one(const std::vector<std::string>& command) {
  const auto answer = run_command(command);
  if (!answer) {
    throw Error("sbatch is not installed here",
                "submit from a login node of the cluster; --dry-run prints the scripts and commands");
  }
  if (answer->exit_code != 0) {
    throw Error(fmt::format("sbatch refused: {}", one_line(answer->err.empty() ? answer->out : answer->err)),
                fmt::format("its command was: {}", shell_command(command)));
  }
  return parse_job_id(answer->out);
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    throw Error(fmt::format("cannot create {}: {}", folder.string(), error.message()),
                "choose another place with --out DIR; all nodes must see it");
  }
}

}  // namespace

void write_scripts(const SlurmSweep& sweep) {
  const fs::path folder = sweep.folder;
  for (const char* inner : {"logs", "tasks"}) make_folder(folder / inner);
  write_file(folder / "task.sh", task_script(sweep));
  write_file(folder / "collect.sh", collect_script(sweep));
}

std::string parse_job_id(const std::string& answer) {
  const std::string line = one_line(answer);
  std::string id = line.substr(0, line.find(';'));
  const bool digits = std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!id.empty() && digits) return id;
  throw Error(fmt::format("sbatch answered '{}', not a job id", line), "look at the queue: squeue --me");
}

void submit(SlurmSweep& sweep, const std::vector<std::string>& tasks) {
  write_scripts(sweep);
  write_sweep(sweep);
  SlurmSubmission& submission = sweep.submissions.emplace_back(SlurmSubmission{utc_now(), {}, {}, {}});
  for (const std::vector<std::string>& job : jobs_of(sweep, tasks)) {
    try {
      submission.task_jobs.push_back(submit_one(task_command(sweep, job)));
      submission.tasks.insert(submission.tasks.end(), job.begin(), job.end());
    } catch (const Error&) {
      if (!submission.task_jobs.empty()) {
        write_sweep(sweep);
      } else if (sweep.submissions.size() == 1) {  // a new folder, of which Slurm knows nothing
        std::error_code ignored;
        fs::remove_all(sweep.folder, ignored);
      }
      throw;
    }
  }
  write_sweep(sweep);  // the tasks run from now on, whatever becomes of the next command
  try {
    submission.collect_job = submit_one(collect_command(sweep, submission.task_jobs));
  } catch (const Error& error) {
    throw Error(fmt::format("job {} was submitted, but the job that collects was not: {}",
                            fmt::join(submission.task_jobs, ", "), error.what()),
                fmt::format("when the tasks have ended: bash {}",
                            shell_quoted((fs::path(sweep.folder) / "collect.sh").string())));
  }
  write_sweep(sweep);
}

std::string submission_text(const SlurmSweep& sweep, const std::vector<std::string>& tasks) {
  const fs::path folder = sweep.folder;
  std::string text = fmt::format("# {}\n{}\n# {}\n{}\n", (folder / "task.sh").string(), task_script(sweep),
                                 (folder / "collect.sh").string(), collect_script(sweep));
  std::vector<std::string> ids;
  for (const std::vector<std::string>& job : jobs_of(sweep, tasks)) {
    text += fmt::format("{}\n", shell_command(task_command(sweep, job)));
    ids.push_back(sweep.each_node ? fmt::format("JOB_OF_{}", job.front()) : "ARRAY_JOB");
  }
  return text + fmt::format("{}\n", shell_command(collect_command(sweep, ids)));
}

}  // namespace inferbench
