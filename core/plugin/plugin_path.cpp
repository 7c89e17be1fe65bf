// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <system_error>

#include "plugin/plugin.hpp"
#include "plugin/table_check.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "lib";
constexpr std::string_view kSuffix = ".so";
// From the program's folder to the backends: in the build tree, and as installed (see the folder's CMakeLists.txt).
constexpr const char* kBuildFolder = "lib/inferbench";
constexpr const char* kInstallFolder = INFERBENCH_PLUGINS_FROM_PROGRAM;

std::vector<fs::path> folders_of_environment() {
  std::vector<fs::path> folders;
  const char* variable = std::getenv("INFERBENCH_PLUGIN_PATH");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    if (!entry.empty()) folders.emplace_back(entry);  // an empty one would be the current directory
  }
  return folders;
}

std::vector<fs::path> folders_of_program() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path folder = program.parent_path();
  return {folder / kBuildFolder, folder / kInstallFolder};
}

// "cpu_ref" of "/a/libcpu_ref.so"; empty where the file's name has another form.
std::string name_of_file(const fs::path& path) {
  const std::string file = path.filename().string();
  if (file.size() <= kPrefix.size() + kSuffix.size()) return {};
  if (!file.starts_with(kPrefix) || !file.ends_with(kSuffix)) return {};
  return file.substr(kPrefix.size(), file.size() - kPrefix.size() - kSuffix.size());
}

std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (!name_of_file(entry->path()).empty()) found.push_back(entry->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string joined(const std::vector<fs::path>& folders) {
  std::vector<std::string> texts;
  texts.reserve(folders.size());
  for (const fs::path& folder : folders) texts.push_back(folder.string());
  return fmt::format("{}", fmt::join(texts, ", "));
}

void check_name(const Plugin& plugin) {
  const std::string expected = name_of_file(plugin.path());
  if (plugin.name() == expected) return;
  throw Error(fmt::format("{}: its table has the name '{}', so it is not the backend '{}'", plugin.path().string(),
                          plugin.name(), expected),
              fmt::format("rename the file to lib{}.so, or name it by its path", plugin.name()));
}

}  // namespace

PluginPath::PluginPath(const std::vector<fs::path>& plugin_dirs) {
  const auto add = [this](const fs::path& folder) {
    std::error_code error;
    const fs::path absolute = fs::canonical(folder, error);
    if (error || !fs::is_directory(absolute, error)) return false;
    if (std::find(folders_.begin(), folders_.end(), absolute) == folders_.end()) folders_.push_back(absolute);
    return true;
  };
  for (const fs::path& folder : plugin_dirs) {
    if (add(folder)) continue;
    throw Error(fmt::format("--plugin-dir {}: no such folder", folder.string()),
                "give the folder that holds the backends' lib*.so");
  }
  for (const fs::path& folder : folders_of_environment()) add(folder);
  for (const fs::path& folder : folders_of_program()) add(folder);
}

Plugin PluginPath::find(std::string_view reference, const fs::path& base) const {
  if (reference.find('/') != std::string_view::npos) return Plugin::load(base / reference);
  if (is_well_formed_name(reference)) {
    for (const fs::path& folder : folders_) {
      const fs::path path = folder / fmt::format("{}{}{}", kPrefix, reference, kSuffix);
      std::error_code error;
      if (fs::symlink_status(path, error).type() == fs::file_type::not_found) continue;
      Plugin plugin = Plugin::load(path);
      check_name(plugin);
      return plugin;
    }
  }
  std::vector<std::string> names;
  for (const fs::path& folder : folders_) {
    for (const fs::path& path : libraries_in(folder)) {
      if (is_well_formed_name(name_of_file(path))) names.push_back(name_of_file(path));
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const std::string cure = reference.ends_with(kSuffix)
                               ? fmt::format("to name a file, write a path: ./{}", one_line(reference, 80))
                               : suggestion(reference, "backends", names) + "; add a folder with --plugin-dir";
  throw Error(fmt::format("no backend '{}' in {}", one_line(reference, 80),
                          folders_.empty() ? "any folder (none exists)" : joined(folders_)),
              cure);
}

std::vector<PluginPath::Found> PluginPath::list() const {
  std::vector<Found> all;
  std::map<std::string, fs::path, std::less<>> first;
  for (const fs::path& folder : folders_) {
    for (const fs::path& path : libraries_in(folder)) {
      Found found{path, {}, {}, {}, {}};
      // By the file's name, as find() looks: what is shadowed stays so even where the first one is broken.
      const auto [earlier, is_first] = first.try_emplace(name_of_file(path), path);
      if (!is_first) found.shadowed_by = earlier->second;
      try {
        Plugin plugin = Plugin::load(path);
        check_name(plugin);
        found.plugin.push_back(std::move(plugin));
      } catch (const Error& error) {
        found.problem = error.what();
        found.cure = error.cure();
      }
      all.push_back(std::move(found));
    }
  }
  return all;
}

}  // namespace inferbench
