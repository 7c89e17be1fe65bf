// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "results/merge_runs.hpp"
#include "results/missing_trials.hpp"
#include "results/run_folder.hpp"
#include "results/run_place.hpp"
#include "support/error.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace {

struct MergeOptions {
  std::vector<std::filesystem::path> folders;
  std::filesystem::path out = "results";
  bool each_node = false;
  bool partial = false;
  bool json = false;
};

void print_merged(const RunFolder& folder, bool json) {
  const RunInfo& info = folder.info();
  if (json) {
    nlohmann::ordered_json parts = nlohmann::ordered_json::array();
    for (const MergedRun& part : info.merged) parts.push_back({{"folder", part.folder}, {"differs", part.differs}});
    const nlohmann::ordered_json object{{"folder", folder.path().string()},
                                        {"trials", folder.trials().size()},
                                        {"planned_trials", info.planned_trials},
                                        {"merged", std::move(parts)}};
    print_result("{}\n", object.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    return;
  }
  for (const MergedRun& part : info.merged) {
    for (const std::string& line : part.differs)
      print_message("inferbench: warning: {} differs: {}\n", part.folder, line);
  }
  print_result("{}\n", folder.path().string());
}

// Returns false if trials are missing and only a complete merge was asked for.
bool accept_missing(const std::vector<MissingShard>& missing, bool partial) {
  for (const MissingShard& shard : missing) print_message("inferbench: warning: {}\n", to_text(shard));
  return missing.empty() || partial;
}

void merge(const MergeOptions& options) {
  std::vector<NamedRun> parts;
  for (const auto& folder : find_runs(options.folders)) parts.push_back({folder, read_run(folder)});
  const RunData whole = options.each_node ? merge_nodes(parts) : merge_runs(parts);
  const std::vector<MissingShard> missing = options.each_node ? incomplete_runs(parts) : missing_shards(parts);
  if (!accept_missing(missing, options.partial)) {
    throw Error("the parts are not complete, so nothing was merged",
                "inferbench run --resume FOLDER makes the missing trials; merge --partial joins what is there",
                ExitCode::kTrialsFailed);
  }
  parts.clear();  // a second copy of all rows
  RunFolder folder = RunFolder::create(options.out, whole.info);
  folder.append_all(whole);
  print_merged(folder, options.json);
}

}  // namespace

void add_merge_command(CLI::App& app, CommandContext&) {
  auto options = std::make_shared<MergeOptions>();
  CLI::App* command = app.add_subcommand("merge", "Join the run folders of an experiment's shards into one");
  command->add_option("runs", options->folders, "The run folders; results/NAME is its latest run")
      ->type_name("RUN")
      ->required();
  command->add_option("--out", options->out, "Where the new folder goes: DIR/<name>/<time>-<id>/")
      ->type_name("DIR")
      ->capture_default_str();
  command->add_flag("--each-node", options->each_node,
                    "The runs are complete runs on different machines: the machine becomes an axis of the points");
  command->add_flag("--partial", options->partial, "Merge what is there, even if trials or shards are missing");
  add_json_flag(*command, options->json);
  command->footer(
      "Prints the new folder. Folders of different experiments or models are refused; the error says what differs.\n"
      "The location of the files does not matter. If machines or builds differ, run.json and a warning list the\n"
      "differences.\n"
      "Missing shards and trials are named, and without --partial nothing is written then.\n"
      "Exit codes: 0 merged, 2 wrong use or input, 3 trials are missing.");
  command->callback([options] { merge(*options); });
}

}  // namespace inferbench
