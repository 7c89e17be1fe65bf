// SPDX-License-Identifier: Apache-2.0
#include "model/hub_cache.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <system_error>
#include <vector>

#include "model/in_quotes.hpp"
#include "model/mapped_file.hpp"
#include "model/unsupported_models.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxReferenceBytes = 4096;
constexpr std::string_view kMain = "main";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_name_part(std::string_view part) {
  return !part.empty() && part.size() <= 96 && part.front() != '.' && part.front() != '-' &&
         std::all_of(part.begin(), part.end(), is_name_character);
}

// NAME or NAME@REVISION.
struct HubName {
  std::string name;
  std::optional<std::string> revision;
};

HubName split_hub_name(std::string_view reference) {
  const auto at = reference.find('@');
  if (at == std::string_view::npos) return {std::string(reference), std::nullopt};
  return {std::string(reference.substr(0, at)), std::string(reference.substr(at + 1))};
}

std::optional<fs::path> environment_folder(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return fs::path(value);
}

// The full names of a hub model, best first: OpenAI's four models moved into an organization, and a cache may use
// either name.
std::vector<std::string> spellings(const std::string& name) {
  static constexpr std::string_view kOrganisation = "openai-community/";
  static constexpr std::array<std::string_view, 4> kOwn = {"gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl"};
  std::vector<std::string> names = {name};
  for (const std::string_view own : kOwn) {
    if (name == own) names.push_back(fmt::format("{}{}", kOrganisation, own));
    if (name == fmt::format("{}{}", kOrganisation, own)) names.emplace_back(own);
  }
  return names;
}

std::string repository_folder(const std::string& name) {
  std::string folder = "models--" + name;
  if (const auto slash = folder.find('/'); slash != std::string::npos) folder.replace(slash, 1, "--");
  return folder;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

bool has_safetensors(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / "model.safetensors", ignored) ||
         fs::exists(folder / "model.safetensors.index.json", ignored);
}

// The result of looking up one spelling: the snapshot, or the problem with it.
struct Lookup {
  std::optional<fs::path> snapshot;
  std::string problem;
};

// The only snapshot in a cache without refs/, which some tools copy without it.
Lookup only_snapshot(const fs::path& repository) {
  std::vector<fs::path> snapshots;
  std::error_code error;
  for (fs::directory_iterator entry(repository / "snapshots", error), end; !error && entry != end;
       entry.increment(error)) {
    snapshots.push_back(entry->path());
  }
  if (snapshots.size() == 1) return {snapshots.front(), {}};
  if (snapshots.empty()) return {{}, fmt::format("{}: neither refs/main nor a snapshot", repository.string())};
  return {{},
          fmt::format("{}: no refs/main, and {}; choose one: NAME@REVISION", repository.string(),
                      counted(snapshots.size(), "snapshot"))};
}

// The folder of `revision`: a branch or tag that refs/ resolves, or the name of a snapshot. It may not exist.
Lookup find_revision(const fs::path& repository, const std::string& revision) {
  const fs::path reference = repository / "refs" / revision;
  std::error_code ignored;
  if (!fs::exists(reference, ignored)) {
    if (revision != kMain) return {repository / "snapshots" / revision, {}};
    return only_snapshot(repository);
  }
  const std::string commit = trimmed(read_small_file(reference, kMaxReferenceBytes));
  if (is_name_part(commit)) return {repository / "snapshots" / commit, {}};
  return {{}, fmt::format("{}: {} is not a revision", reference.string(), in_quotes(commit))};
}

// The snapshot of a revision, if it has a config and weights, be they supported or not.
Lookup complete_snapshot(const fs::path& repository, const std::string& revision) {
  Lookup lookup = find_revision(repository, revision);
  if (!lookup.snapshot) return lookup;
  const fs::path& snapshot = *lookup.snapshot;
  std::error_code ignored;
  if (!fs::exists(snapshot, ignored)) return {{}, fmt::format("{}: missing", snapshot.string())};
  if (!has_safetensors(snapshot)) refuse_unsupported_folder(snapshot);
  if (!fs::exists(snapshot / "config.json", ignored)) {
    return {{}, fmt::format("{}: no config.json", snapshot.string())};
  }
  if (!has_safetensors(snapshot)) return {{}, fmt::format("{}: no model.safetensors", snapshot.string())};
  return lookup;
}

std::string download_command(const HubName& hub, const std::vector<std::string>& names) {
  std::string command = "hf download ";
  if (names.size() > 1) {
    // The hub redirects to the longer spelling. These repositories also hold the weights of four other frameworks.
    command += names.back().size() > hub.name.size() ? names.back() : hub.name;
    command += " config.json model.safetensors vocab.json merges.txt";
  } else {
    command += hub.name;
  }
  if (hub.revision) command += " --revision " + *hub.revision;
  return command;
}

}  // namespace

bool is_hub_name(std::string_view reference) {
  const HubName hub = split_hub_name(reference);
  if (hub.revision && !is_name_part(*hub.revision)) return false;
  const std::string_view name = hub.name;
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) return is_name_part(name);
  return is_name_part(name.substr(0, slash)) && is_name_part(name.substr(slash + 1));
}

std::optional<fs::path> hub_cache_folder() {
  if (auto cache = environment_folder("HF_HUB_CACHE")) return cache;
  if (const auto home = environment_folder("HF_HOME")) return *home / "hub";
  if (const auto cache = environment_folder("XDG_CACHE_HOME")) return *cache / "huggingface" / "hub";
  if (const auto home = environment_folder("HOME")) return *home / ".cache" / "huggingface" / "hub";
  return std::nullopt;
}

fs::path find_in_hub_cache(const std::string& reference) {
  const HubName hub = split_hub_name(reference);
  const auto names = spellings(hub.name);
  const auto cache = hub_cache_folder();
  std::string problem;
  for (const std::string& spelling : names) {
    const fs::path repository = cache.value_or("") / repository_folder(spelling);
    std::error_code ignored;
    if (!cache || !fs::is_directory(repository, ignored)) continue;
    const Lookup lookup = complete_snapshot(repository, hub.revision.value_or(std::string(kMain)));
    if (lookup.snapshot) return *lookup.snapshot;
    if (problem.empty()) problem = lookup.problem;
  }
  if (problem.empty()) {
    problem = fmt::format("neither a folder nor in the Hugging Face cache ({})",
                          cache ? cache->string() : std::string("no HOME, no HF_HUB_CACHE"));
  }
  throw ModelNotFound(fmt::format("model {}: {}", in_quotes(reference), problem),
                      fmt::format("fetch it: {}", download_command(hub, names)));
}

}  // namespace inferbench
