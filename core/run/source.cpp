// SPDX-License-Identifier: Apache-2.0
#include "run/source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <thread>
#include <utility>

#include "experiment/load.hpp"
#include "experiment/resolved_paths.hpp"
#include "results/moved_run.hpp"
#include "results/run_place.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/print.hpp"

namespace inferbench {

namespace {

void check_use(const RunChoice& choice) {
  if (choice.experiment.empty() && choice.resume.empty() && choice.reproduce.empty()) {
    throw Error("run needs an experiment file",
                "inferbench run EXPERIMENT.yaml, or inferbench run --resume FOLDER, or --reproduce run.json");
  }
  if (!choice.reproduce.empty() && (!choice.resume.empty() || !choice.experiment.empty())) {
    throw Error("--reproduce runs the experiment of its run.json and takes no other",
                "leave out the experiment file and --resume");
  }
  if (!choice.reproduce.empty() && !choice.overrides.empty()) {
    throw Error("--set would change the experiment that --reproduce repeats", "leave out one of the two");
  }
  if (!choice.resume.empty() && !choice.overrides.empty()) {
    throw Error("--set cannot change a run that has started", "leave out --set, or start a new run");
  }
  if (!choice.resume.empty() && choice.out_given) {
    throw Error("--out cannot change a run that has started: its folder stays where it is", "leave out --out");
  }
  if (!choice.resume.empty() && !choice.shard.empty()) {
    throw Error("--shard cannot change a run that has started", "leave out --shard: the folder records its shard");
  }
}

void check_into(const RunChoice& choice) {
  if (choice.into.empty()) return;
  if (!choice.resume.empty() || !choice.reproduce.empty() || choice.out_given) {
    throw Error("--into names the run folder and takes no --resume, --reproduce or --out", "leave out the others");
  }
}

Shard parse_shard(const std::string& text) {
  Shard shard;
  if (text.empty()) return shard;
  const std::string_view all(text);
  const std::size_t slash = std::min(all.find('/'), all.size());
  const auto read = [](std::string_view digits, std::int32_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  const bool numbers =
      read(all.substr(0, slash), shard.index) && read(all.substr(std::min(slash + 1, all.size())), shard.count);
  if (!numbers || shard.index < 1 || shard.index > shard.count) {
    throw Error(fmt::format("--shard: found '{}', expected K/N with K from 1 to N", one_line(text, 40)),
                "for the second of three machines: --shard 2/3");
  }
  return shard;
}

// A stored run contains its own experiment, whatever happened to the YAML file since.
Experiment kept_experiment(const RunInfo& info, const PluginPath& plugins) {
  return load_experiment_text(info.resolved_yaml, info.experiment_file, {}, real_lookups(plugins));
}

void refuse_several_nodes(const RunInfo& info, const std::filesystem::path& folder) {
  if (std::all_of(info.points.begin(), info.points.end(), [](const Point& point) { return point.node.empty(); }))
    return;
  throw Error(fmt::format("{} joins the runs of several nodes and cannot be continued", folder.string()),
              "continue the run of a node, then merge again");
}

// `choice` names the experiment that the folder must have, if any.
RunSource resumed_from(RunFolder folder, const RunChoice& choice, const PluginPath& plugins) {
  const std::filesystem::path& run_folder = folder.path();
  const std::filesystem::path named =
      choice.experiment.empty() ? std::filesystem::path() : std::filesystem::absolute(choice.experiment).parent_path();
  refuse_several_nodes(folder.info(), run_folder);
  RunInfo info = moved_run(folder.info(), folder.path(), named);
  Experiment experiment = kept_experiment(info, plugins);
  if (!choice.experiment.empty()) {
    const auto lines = value_differences(info.resolved_yaml,
                                         load_experiment(choice.experiment, choice.overrides, plugins).resolved_yaml);
    if (!lines.empty()) {
      throw Error(fmt::format("{} is not the experiment of {}: {}", choice.experiment, run_folder.string(),
                              fmt::join(lines, "; ")),
                  "leave out the experiment file: the folder contains it");
    }
  }
  const Shard shard = folder.info().shard;
  std::optional<RunInfo> moved;
  if (info.resolved_yaml != folder.info().resolved_yaml) moved = std::move(info);
  return {std::move(experiment), shard, std::move(folder), std::nullopt, std::move(moved)};
}

RunSource resumed_source(const RunChoice& choice, const PluginPath& plugins) {
  return resumed_from(RunFolder::resume(find_run(choice.resume)), choice, plugins);
}

// A scheduler that lost contact with a node starts the task again while the first process may still be running there.
// The second waits, and then finds what is left to do.
RunFolder resume_when_free(const std::filesystem::path& folder) {
  for (bool told = false;; told = true) {
    try {
      return RunFolder::resume(folder);
    } catch (const FolderBusy& busy) {
      if (!told) print_message("inferbench: {}; waiting until it ends\n", busy.what());
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

// A requeued task repeats its command line, so the folder must hold what that line asks for.
RunSource continued_source(const RunChoice& choice, const PluginPath& plugins) {
  const Shard shard = parse_shard(choice.shard);
  RunSource source = resumed_from(resume_when_free(choice.into), choice, plugins);
  if (source.shard == shard) return source;
  throw Error(fmt::format("{} contains shard {}/{}, not {}/{}", choice.into, source.shard.index, source.shard.count,
                          shard.index, shard.count),
              "name another folder with --into, or leave out --into");
}

}  // namespace

RunSource open_source(const RunChoice& choice, const PluginPath& plugins) {
  check_use(choice);
  check_into(choice);
  if (!choice.resume.empty()) return resumed_source(choice, plugins);
  if (!choice.into.empty() && std::filesystem::exists(std::filesystem::path(choice.into) / "run.json")) {
    return continued_source(choice, plugins);
  }
  if (choice.reproduce.empty()) {
    const Shard shard = parse_shard(choice.shard);
    Experiment experiment = load_experiment(choice.experiment, choice.overrides, plugins);
    if (plan_points(experiment, shard).empty()) {
      throw Error(fmt::format("--shard {}: the experiment has only {}", choice.shard,
                              counted(experiment.points.size(), "point")),
                  "split it over fewer machines");
    }
    return {std::move(experiment), shard, std::nullopt, std::nullopt, std::nullopt};
  }
  const std::filesystem::path named = find_run(choice.reproduce);
  const bool is_folder = std::filesystem::is_directory(named);
  RunInfo info = read_run_info(is_folder ? named / "run.json" : named);
  info = moved_run(std::move(info), is_folder ? named : named.parent_path());
  Experiment experiment = kept_experiment(info, plugins);
  const Shard shard = choice.shard.empty() ? info.shard : parse_shard(choice.shard);
  return {std::move(experiment), shard, std::nullopt, std::move(info), std::nullopt};
}

}  // namespace inferbench
