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
#include "support/error.hpp"

namespace inferbench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxReferenceBytes = 4096;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool is_name_part(std::string_view part) {
  return !part.empty() && part.size() <= 96 && part.front() != '.' && part.front() != '-' &&
         std::all_of(part.begin(), part.end(), is_name_character);
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

// The result of looking up one spelling: the snapshot, or the problem with it.
struct Lookup {
  std::optional<fs::path> snapshot;
  std::string problem;
};

// The snapshot that refs/main of `repository` names, if it holds a model.
Lookup main_snapshot(const fs::path& repository) {
  const fs::path reference = repository / "refs" / "main";
  std::error_code ignored;
  if (!fs::exists(reference, ignored)) return {{}, fmt::format("{}: missing", reference.string())};
  const std::string revision = trimmed(read_small_file(reference, kMaxReferenceBytes));
  if (!is_name_part(revision)) {
    return {{}, fmt::format("{}: {} is not a revision", reference.string(), in_quotes(revision))};
  }
  const fs::path snapshot = repository / "snapshots" / revision;
  if (!fs::exists(snapshot / "config.json", ignored)) {
    return {{}, fmt::format("{}: no config.json", snapshot.string())};
  }
  if (!fs::exists(snapshot / "model.safetensors", ignored) &&
      !fs::exists(snapshot / "model.safetensors.index.json", ignored)) {
    return {{}, fmt::format("{}: no model.safetensors", snapshot.string())};
  }
  return {snapshot, {}};
}

}  // namespace

bool is_hub_name(std::string_view reference) {
  const auto slash = reference.find('/');
  if (slash == std::string_view::npos) return is_name_part(reference);
  return is_name_part(reference.substr(0, slash)) && is_name_part(reference.substr(slash + 1));
}

std::optional<fs::path> hub_cache_folder() {
  if (auto cache = environment_folder("HF_HUB_CACHE")) return cache;
  if (const auto home = environment_folder("HF_HOME")) return *home / "hub";
  if (const auto cache = environment_folder("XDG_CACHE_HOME")) return *cache / "huggingface" / "hub";
  if (const auto home = environment_folder("HOME")) return *home / ".cache" / "huggingface" / "hub";
  return std::nullopt;
}

fs::path find_in_hub_cache(const std::string& name) {
  const auto names = spellings(name);
  const auto cache = hub_cache_folder();
  std::string problem;
  for (const std::string& spelling : names) {
    const fs::path repository = cache.value_or("") / repository_folder(spelling);
    std::error_code ignored;
    if (!cache || !fs::is_directory(repository, ignored)) continue;
    const Lookup lookup = main_snapshot(repository);
    if (lookup.snapshot) return *lookup.snapshot;
    if (problem.empty()) problem = lookup.problem;
  }
  if (problem.empty()) {
    problem = fmt::format("neither a folder nor in the Hugging Face cache ({})",
                          cache ? cache->string() : std::string("no HOME, no HF_HUB_CACHE"));
  }
  // The hub redirects to the longer spelling.
  const std::string& full = names.back().size() > name.size() ? names.back() : name;
  throw ModelNotFound(
      fmt::format("model {}: {}", in_quotes(name), problem),
      fmt::format("fetch it: hf download {} config.json model.safetensors vocab.json merges.txt", full));
}

}  // namespace inferbench
