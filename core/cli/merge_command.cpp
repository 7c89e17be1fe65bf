// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "results/merge_runs.hpp"
#include "results/run_folder.hpp"
#include "results/run_place.hpp"
#include "support/counted.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace {

struct MergeOptions {
  std::vector<std::filesystem::path> folders;
  std::filesystem::path out = "results";
  bool json = false;
};

RunFolder write_merged(const RunData& whole, const std::filesystem::path& out) {
  RunFolder folder = RunFolder::create(out, whole.info);
  std::vector<const TrialRecord*> rows;
  for (const auto* part : {&whole.trials, &whole.replaced}) {
    for (const TrialRecord& trial : *part) rows.push_back(&trial);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const TrialRecord* a, const TrialRecord* b) { return a->attempt < b->attempt; });
  for (const TrialRecord* row : rows) folder.append(*row);
  for (const QualityRecord& record : whole.quality) folder.append(record);
  return folder;
}

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
  if (folder.trials().size() < info.planned_trials) {
    print_message("inferbench: warning: only {} of {} exist; run --resume makes the others\n", folder.trials().size(),
                  counted(info.planned_trials, "planned trial"));
  }
  print_result("{}\n", folder.path().string());
}

void merge(const MergeOptions& options) {
  std::vector<NamedRun> parts;
  for (const auto& folder : find_runs(options.folders)) parts.push_back({folder, read_run(folder)});
  print_merged(write_merged(merge_runs(parts), options.out), options.json);
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
      ->check(not_empty())
      ->capture_default_str();
  add_json_flag(*command, options->json);
  command->footer(
      "Prints the new folder. Folders of different experiments or models are refused; the error says what differs.\n"
      "The location of the files does not matter. If machines or builds differ, run.json and a warning list the\n"
      "differences.");
  command->callback([options] { merge(*options); });
}

}  // namespace inferbench
