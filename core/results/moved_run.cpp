// SPDX-License-Identifier: Apache-2.0
#include "results/moved_run.hpp"

#include <fmt/format.h>

#include <map>
#include <string>
#include <system_error>

#include "experiment/resolved_paths.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The current folder of the experiment: at the same relative path from the run folder as at the start of the run.
// Folders of earlier versions do not store that path; for them it is the nearest folder above that contains the file.
fs::path experiment_folder_now(const RunInfo& info, const fs::path& run_folder) {
  const fs::path before = fs::path(info.experiment_file).parent_path();
  const fs::path here = fs::absolute(run_folder).lexically_normal();
  if (!info.experiment_folder_from_run.empty()) return (here / info.experiment_folder_from_run).lexically_normal();
  const fs::path name = fs::path(info.experiment_file).filename();
  for (fs::path above = here; above.has_relative_path(); above = above.parent_path()) {
    if (is_there(above / name)) return above;
  }
  return before;
}

std::string place_now(const std::string& path, const fs::path& before, const fs::path& now) {
  if (is_there(path)) return path;
  const fs::path moved = (now / fs::path(path).lexically_relative(before)).lexically_normal();
  if (is_there(moved)) return moved.string();
  if (moved == fs::path(path).lexically_normal()) {
    throw Error(fmt::format("cannot find {}, which the run used", path), "put it back");
  }
  throw Error(fmt::format("cannot find {}, which the run used as {}", moved.string(), path), "put it in either place");
}

void replace(std::string& path, const std::map<std::string, std::string>& moved) {
  const auto found = moved.find(path);
  if (found != moved.end()) path = found->second;
}

}  // namespace

RunInfo moved_run(RunInfo info, const fs::path& run_folder, const fs::path& experiment_folder) {
  const fs::path before = fs::path(info.experiment_file).parent_path();
  const fs::path now = experiment_folder.empty() ? experiment_folder_now(info, run_folder)
                                                 : fs::absolute(experiment_folder).lexically_normal();
  std::map<std::string, std::string> moved;
  for (const std::string& path : paths_in(info.resolved_yaml)) {
    std::string place = place_now(path, before, now);
    if (place != path) moved.emplace(path, std::move(place));
  }
  if (moved.empty()) return info;
  if (!is_there(info.experiment_file)) {
    info.experiment_file = (now / fs::path(info.experiment_file).filename()).string();
  }
  info.resolved_yaml = with_paths(info.resolved_yaml, moved);
  for (Contender& contender : info.contenders) replace(contender.plugin, moved);
  for (PluginIdentity& plugin : info.plugins) replace(plugin.path, moved);
  for (Point& point : info.points) replace(point.model, moved);
  for (FileIdentity& file : info.files) {
    for (std::string& path : file.paths) replace(path, moved);
  }
  for (ModelIdentity& model : info.models) {
    if (!moved.contains(model.reference)) continue;
    model.earlier_references.push_back(model.reference);
    replace(model.reference, moved);
  }
  return info;
}

}  // namespace inferbench
