// SPDX-License-Identifier: Apache-2.0
#include "cluster/slurm_sweep.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>

#include "results/utc_time.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"
#include "support/json_problem.hpp"
#include "support/output_file.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kSweepFile = "sweep.json";
constexpr int kSweepFormat = 1;

Json options_json(const SlurmOptions& options) {
  return Json{{"partition", options.partition}, {"constraint", options.constraint},
              {"exclusive", options.exclusive}, {"array_limit", options.array_limit},
              {"time", options.time},           {"sbatch_args", options.sbatch_args}};
}

SlurmOptions options_from(const Json& object) {
  return {object.at("partition").get<std::string>(), object.at("constraint").get<std::string>(),
          object.at("exclusive").get<bool>(),        integer_of<std::int32_t>(object.at("array_limit")),
          object.at("time").get<std::string>(),      object.at("sbatch_args").get<std::vector<std::string>>()};
}

SlurmSubmission submission_from(const Json& object) {
  return {object.at("time").get<std::string>(), object.at("task_jobs").get<std::vector<std::string>>(),
          object.at("collect_job").get<std::string>(), object.at("tasks").get<std::vector<std::string>>()};
}

}  // namespace

fs::path task_folder(const SlurmSweep& sweep, const std::string& task) {
  return fs::path(sweep.folder) / ((sweep.each_node ? "node-" : "shard-") + task);
}

fs::path task_journal(const SlurmSweep& sweep, const std::string& task) {
  return fs::path(sweep.folder) / "tasks" / task;
}

fs::path task_log(const SlurmSweep& sweep, const std::string& task) {
  return fs::path(sweep.folder) / "logs" / (task + ".log");
}

fs::path new_sweep_folder(const fs::path& out, const std::string& name) {
  std::random_device device;
  return fs::absolute(out).lexically_normal() / name /
         fmt::format("slurm-{}-{:08x}", utc_for_file_names(), static_cast<unsigned>(device()));
}

std::string to_json_text(const SlurmSweep& sweep) {
  Json object{{"format", kSweepFormat},
              {"name", sweep.name},
              {"experiment", sweep.experiment},
              {"overrides", sweep.overrides},
              {"plugin_dirs", sweep.plugin_dirs},
              {"program", sweep.program},
              {"folder", sweep.folder},
              {"out", sweep.out},
              {"each_node", sweep.each_node},
              {"tasks", sweep.tasks},
              {"cpus", sweep.cpus},
              {"has_targets", sweep.has_targets},
              {"options", options_json(sweep.options)},
              {"submissions", Json::array()}};
  for (const SlurmSubmission& one : sweep.submissions) {
    object["submissions"].push_back(
        {{"time", one.time}, {"task_jobs", one.task_jobs}, {"collect_job", one.collect_job}, {"tasks", one.tasks}});
  }
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

SlurmSweep parse_slurm_sweep(std::string_view text, const fs::path& path) {
  const std::string cure = "name the folder that inferbench slurm printed";
  try {
    const Json object = Json::parse(text);
    if (const int format = integer_of<int>(object.at("format")); format != kSweepFormat) {
      throw Error(fmt::format("{} has format {}, this program reads {}", path.string(), format, kSweepFormat),
                  "use the inferbench version that wrote it");
    }
    SlurmSweep sweep;
    sweep.name = object.at("name").get<std::string>();
    sweep.experiment = object.at("experiment").get<std::string>();
    sweep.overrides = object.at("overrides").get<std::vector<std::string>>();
    sweep.plugin_dirs = object.at("plugin_dirs").get<std::vector<std::string>>();
    sweep.program = object.at("program").get<std::string>();
    sweep.folder = object.at("folder").get<std::string>();
    sweep.out = object.at("out").get<std::string>();
    sweep.each_node = object.at("each_node").get<bool>();
    sweep.tasks = object.at("tasks").get<std::vector<std::string>>();
    sweep.cpus = integer_of<std::int32_t>(object.at("cpus"));
    sweep.has_targets = object.at("has_targets").get<bool>();
    sweep.options = options_from(object.at("options"));
    for (const Json& one : object.at("submissions")) sweep.submissions.push_back(submission_from(one));
    return sweep;
  } catch (const Json::exception& error) {
    throw Error(fmt::format("{}: {}", path.string(), json_problem(error)), cure);
  }
}

void write_sweep(const SlurmSweep& sweep) {
  write_file(fs::path(sweep.folder) / kSweepFile, to_json_text(sweep));
}

SlurmSweep read_sweep(const fs::path& folder) {
  const fs::path path = folder / kSweepFile;
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Error(fmt::format("{} is not the folder of a Slurm sweep", folder.string()),
                "name the folder that inferbench slurm printed");
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  SlurmSweep sweep = parse_slurm_sweep(text, path);
  sweep.folder = fs::canonical(folder).string();  // it may have moved since
  return sweep;
}

}  // namespace inferbench
