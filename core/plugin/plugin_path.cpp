// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugin_path.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <system_error>

#include "plugin/left_out_engines.hpp"
#include "plugin/plugin_probe.hpp"
#include "plugin/table_check.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "lib";
constexpr std::string_view kSuffix = ".so";
// Paths from the program's folder to the backends: in the build tree, and when installed (see this folder's
// CMakeLists.txt).
constexpr const char* kBuildFolder = "lib/inferbench";
constexpr const char* kInstallFolder = INFERBENCH_PLUGINS_FROM_PROGRAM;

std::vector<fs::path> folders_of_environment() {
  std::vector<fs::path> folders;
  const char* variable = std::getenv("INFERBENCH_PLUGIN_PATH");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    if (!entry.empty()) folders.emplace_back(entry);  // an empty entry would mean the current directory
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

// "cpu_ref" for "/a/libcpu_ref.so"; empty if the file name has another form.
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

void check_name(const PluginDescription& plugin) {
  const std::string expected = name_of_file(plugin.path);
  if (plugin.name == expected) return;
  throw Error(fmt::format("{}: its table has the name '{}', so it is not the backend '{}'", plugin.path.string(),
                          plugin.name, expected),
              fmt::format("rename the file to lib{}.so, or name it by its path", plugin.name));
}

// Used to detect that a file changed since it was examined.
using FileIdentity = std::array<std::int64_t, 5>;

FileIdentity identity_of(const fs::path& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  return {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino), status.st_size,
          status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

/// Calls `found` for each entry in order. A slow entry delays the others only for a limited time.
class InOrder {
 public:
  InOrder(std::vector<FoundPlugin> entries, const std::function<void(const FoundPlugin&)>& found)
      : entries_(std::move(entries)), states_(entries_.size(), State::kPending), found_(found) {}

  FoundPlugin& entry(std::size_t index) { return entries_[index]; }

  void ready(std::size_t index) {
    states_[index] = State::kReady;
    pass_on();
  }

  void pass_on() {
    const bool patient = std::chrono::steady_clock::now() - begin_ < kPatience;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (states_[i] == State::kPending && patient) return;
      if (states_[i] != State::kReady) continue;
      states_[i] = State::kPassedOn;
      found_(entries_[i]);
    }
  }

 private:
  enum class State { kPending, kReady, kPassedOn };
  static constexpr std::chrono::seconds kPatience{1};

  std::vector<FoundPlugin> entries_;
  std::vector<State> states_;
  const std::function<void(const FoundPlugin&)>& found_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

std::string hint_for_unknown(std::string_view reference, const std::vector<std::string>& known) {
  if (reference.ends_with(kSuffix)) return fmt::format("to name a file, write a path: ./{}", one_line(reference, 80));
  for (const LeftOutEngine& engine : left_out_engines()) {
    if (engine.name == reference) return fmt::format("{}: {}", engine.reason, engine.hint);
  }
  return suggestion(reference, "backends", known) + "; add a folder with --plugin-dir";
}

}  // namespace

struct PluginPath::Known {
  struct Entry {
    FileIdentity identity{};
    PluginDescription plugin;
  };
  std::map<fs::path, Entry> plugins;
};

PluginPath::PluginPath(const std::vector<fs::path>& plugin_dirs) : known_(std::make_shared<Known>()) {
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

PluginDescription PluginPath::described(const fs::path& given) const {
  const fs::path path = fs::absolute(given).lexically_normal();
  const FileIdentity identity = identity_of(path);
  const auto known = known_->plugins.find(path);
  if (known != known_->plugins.end() && known->second.identity == identity) return known->second.plugin;
  PluginDescription plugin = describe_plugin(path);
  known_->plugins[path] = {identity, plugin};
  return plugin;
}

PluginDescription PluginPath::find(std::string_view reference, const fs::path& base) const {
  if (reference.find('/') != std::string_view::npos) return described(base / reference);
  if (is_well_formed_name(reference)) {
    for (const fs::path& folder : folders_) {
      const fs::path path = folder / fmt::format("{}{}{}", kPrefix, reference, kSuffix);
      std::error_code error;
      if (fs::symlink_status(path, error).type() == fs::file_type::not_found) continue;
      PluginDescription plugin = described(path);
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
  throw Error(fmt::format("no backend '{}' in {}", one_line(reference, 80),
                          folders_.empty() ? "any folder (none exists)" : joined(folders_)),
              hint_for_unknown(reference, names));
}

void PluginPath::list(const std::function<void(const FoundPlugin&)>& found,
                      std::chrono::milliseconds time_limit) const {
  std::vector<FoundPlugin> entries;
  std::vector<fs::path> paths;
  std::map<std::string, fs::path, std::less<>> first;
  for (const fs::path& folder : folders_) {
    for (const fs::path& path : libraries_in(folder)) {
      // By file name, as in find(): a library stays shadowed even if the first one is broken.
      const auto [earlier, is_first] = first.try_emplace(name_of_file(path), path);
      entries.push_back({path, std::nullopt, {}, {}, is_first ? fs::path() : earlier->second});
      paths.push_back(path);
    }
  }
  InOrder in_order(std::move(entries), found);
  const auto done = [&](std::size_t index, DescribedPlugin described) {
    FoundPlugin& entry = in_order.entry(index);
    try {
      if (described.plugin) check_name(*described.plugin);
      entry.plugin = std::move(described.plugin);
      entry.problem = std::move(described.problem);
      entry.cure = std::move(described.cure);
    } catch (const Error& error) {
      entry.problem = error.what();
      entry.cure = error.cure();
    }
    in_order.ready(index);
  };
  describe_plugins(paths, time_limit, done, [&] { in_order.pass_on(); });
}

}  // namespace inferbench
