// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "plugin/description.hpp"

namespace inferbench {

class PluginPath;

/// What a backend says about itself, as far as an experiment file is checked against it.
struct BackendSchema {
  std::string reference;  ///< what the experiment keeps: the name as written, or an absolute path
  std::string name;
  std::vector<PrecisionDescription> precisions;  ///< at least one; the first is the default
  std::vector<OptionDescription> options;
};

/// The world outside the experiment file, handed in, so that tests and the fuzzer need no backends, models or files.
/// All throw Error with one line and no position; the reader puts file:line:column before it.
struct ExperimentLookups {
  /// A backend by name, or by path (has a '/'; relative ones start at `folder`).
  std::function<BackendSchema(const std::string& reference, const std::filesystem::path& folder)> backend;
  /// A model by folder (relative ones start at `folder`), hub name or synthetic:SHAPE.
  std::function<ModelFacts(const std::string& reference, const std::filesystem::path& folder)> model;
  /// All bytes of an experiment file; refuses what is larger than kMaxFileBytes.
  std::function<std::string(const std::filesystem::path&)> read_file;
  /// Throws where a text named by the experiment is not a readable file.
  std::function<void(const std::filesystem::path&)> check_readable;
  /// How many tokens a text has, counted up to `limit`, by the tokenizer of the model (as the lookup `model` gave it).
  /// Throws where the model has no tokenizer, or one that is not its own.
  std::function<std::size_t(const ModelFacts& model, const std::filesystem::path& text, std::size_t limit)>
      count_tokens;
  std::int32_t usable_cpus = 1;   ///< what `threads: all` means; a control group's quota counts
  std::int32_t most_threads = 0;  ///< that may be asked for by number, the quota aside; 0: usable_cpus
  /// The CPUs that a word of measure.cpus names, see choose_cpus.
  std::function<std::vector<int>(const std::string& word)> cpus;
};

/// Experiments are written by hand; more is a mistaken file name.
inline constexpr std::uintmax_t kMaxFileBytes = 1 << 20;

/// The real ones: backends from `plugins`, models and files of this machine, the CPUs of the process's affinity mask
/// and quota.
ExperimentLookups real_lookups(const PluginPath& plugins);

}  // namespace inferbench
