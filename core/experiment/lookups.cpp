// SPDX-License-Identifier: Apache-2.0
#include "experiment/lookups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>

#include "measure/affinity.hpp"
#include "measure/cpu_choice.hpp"
#include "model/model.hpp"
#include "plugin/plugin_path.hpp"
#include "serve/prompt_file.hpp"
#include "support/error.hpp"
#include "text/model_text.hpp"

namespace inferbench {
namespace {

std::ifstream open_text(const std::filesystem::path& path) {
  std::error_code problem;
  const auto status = std::filesystem::status(path, problem);
  if (std::filesystem::is_directory(status)) {
    throw Error(fmt::format("cannot read '{}': it is a folder", path.string()), "name a file");
  }
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error(fmt::format("cannot read '{}': it is not a regular file", path.string()), "name a file");
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const auto reason = std::error_code(errno, std::generic_category()).message();
    throw Error(fmt::format("cannot read '{}': {}", path.string(), reason), "check the path and its permissions");
  }
  return file;
}

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file = open_text(path);
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) throw Error(fmt::format("cannot read '{}' to its end", path.string()), "check the disk");
  if (text.size() > kMaxFileBytes) {
    throw Error(
        fmt::format("'{}' is larger than {} MiB, expected a short YAML file", path.string(), kMaxFileBytes >> 20U),
        "is this an experiment file?");
  }
  return text;
}

BackendSchema find_backend(const PluginPath& plugins, const std::string& reference,
                           const std::filesystem::path& folder) {
  PluginDescription plugin = plugins.find(reference, folder);
  const bool is_path = reference.find('/') != std::string::npos;
  return {is_path ? plugin.path.string() : reference,
          std::move(plugin.name),
          std::move(plugin.precisions),
          std::move(plugin.options),
          std::move(plugin.devices),
          std::move(plugin.device_problem)};
}

// "/a/m" for "/a/m/".
std::filesystem::path without_slash(const std::filesystem::path& path) {
  return path.has_filename() || !path.has_relative_path() ? path : path.parent_path();
}

ModelFacts find_model(const std::string& reference, const std::filesystem::path& folder) {
  const Model model = Model::open(reference, folder);
  ModelFacts facts{reference, model.name(), model.config(), model.n_parameters(), {}};
  // A folder is stored with its absolute path, so that run.json can be used from anywhere. Hub and synthetic names are
  // stored as written.
  if (!model.place()) {
    facts.place = "synthetic " + model.sha256();
    return facts;
  }
  std::error_code unresolved;
  facts.place = std::filesystem::canonical(*model.place(), unresolved).string();
  for (const std::filesystem::path& written : {folder / reference, std::filesystem::path(reference)}) {
    std::error_code problem;
    if (!std::filesystem::equivalent(*model.place(), written, problem) || problem) continue;
    facts.reference = without_slash(std::filesystem::absolute(written, problem).lexically_normal()).string();
    break;
  }
  return facts;
}

// More would take long to turn into tokens, and requests draw from them anyway.
constexpr std::size_t kMostPrompts = 5000;

std::vector<RequestLengths> count_lengths(const ModelFacts& facts, const std::filesystem::path& path) {
  const Model model = Model::open(facts.reference);
  const Tokenizer tokenizer = tokenizer_of(model);
  std::vector<RequestLengths> lengths;
  for (const PromptText& text : read_prompt_file(path, kMostPrompts)) {
    lengths.push_back({static_cast<std::int32_t>(encode_prompt(tokenizer, text.prompt, model.config()).size()),
                       static_cast<std::int32_t>(tokenizer.encode(text.answer).size())});
  }
  return lengths;
}

}  // namespace

ExperimentLookups real_lookups(const PluginPath& plugins) {
  ExperimentLookups lookups;
  lookups.backend = [plugins](const std::string& reference, const std::filesystem::path& folder) {
    return find_backend(plugins, reference, folder);
  };
  lookups.model = find_model;
  lookups.read_file = read_whole;
  lookups.check_readable = [](const std::filesystem::path& path) { open_text(path); };
  lookups.count_tokens = [](const ModelFacts& model, const std::filesystem::path& text, std::size_t limit) {
    return first_tokens(Model::open(model.reference), text, limit).size();
  };
  lookups.check_tokenizer = [](const ModelFacts& model) { tokenizer_of(Model::open(model.reference)); };
  lookups.lengths = count_lengths;
  lookups.trace = read_trace;
  lookups.usable_cpus = usable_cpus();
  lookups.most_threads = static_cast<std::int32_t>(std::max<std::size_t>(1, allowed_cpus().size()));
  lookups.cpus = [](const std::string& word) { return choose_cpus({word}, read_cpu_topology()); };
  return lookups;
}

}  // namespace inferbench
