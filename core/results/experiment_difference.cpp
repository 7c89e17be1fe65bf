// SPDX-License-Identifier: Apache-2.0
#include "results/experiment_difference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "experiment/resolved_paths.hpp"
#include "results/model_identity.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;

const FileIdentity* find_file(const RunInfo& info, const std::string& path) {
  const auto found = std::find_if(info.files.begin(), info.files.end(), [&](const FileIdentity& file) {
    return file.paths.size() == 1 && file.paths.front() == path;
  });
  return found == info.files.end() ? nullptr : &*found;
}

bool is_plugin(const RunInfo& info, const std::string& path) {
  return std::any_of(info.contenders.begin(), info.contenders.end(),
                     [&](const Contender& contender) { return contender.plugin == path; });
}

// What a path refers to, as text. It is the same in both runs if the path refers to the same thing.
std::string meaning_of(const RunInfo& info, const RunInfo& other, const std::string& path) {
  if (const ModelIdentity* model = find_model(info, path)) {
    for (std::size_t i = 0; i < other.models.size(); ++i) {
      if (same_model(*model, other.models[i])) return "model " + other.models[i].sha256.substr(0, 12);
    }
    return "model " + model->sha256.substr(0, 12) + " at " + path;
  }
  if (is_plugin(info, path)) return "backend " + fs::path(path).filename().string();
  if (const FileIdentity* file = find_file(info, path)) {
    const bool both = std::any_of(other.files.begin(), other.files.end(),
                                  [&](const FileIdentity& theirs) { return theirs.sha256 == file->sha256; });
    if (both) return "file " + file->sha256.substr(0, 12);
    // Folders of earlier versions do not have hashes of their files.
    if (!other.files.empty()) return fmt::format("file {} at {}", file->sha256.substr(0, 12), path);
  }
  return fs::path(path).lexically_relative(fs::path(info.experiment_file).parent_path()).string();
}

std::string without_places(const RunInfo& info, const RunInfo& other) {
  std::map<std::string, std::string> replaced;
  for (const std::string& path : paths_in(info.resolved_yaml)) replaced[path] = meaning_of(info, other, path);
  return with_paths(info.resolved_yaml, replaced);
}

}  // namespace

std::vector<std::string> experiment_differences(const RunInfo& before, const RunInfo& now) {
  if (before.resolved_yaml == now.resolved_yaml) return {};
  return value_differences(without_places(before, now), without_places(now, before));
}

}  // namespace inferbench
