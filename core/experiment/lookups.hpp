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

/// A backend's description of itself, as far as it is needed to check an experiment file.
struct BackendSchema {
  std::string reference;  ///< as the experiment stores it: the name as written, or an absolute path
  std::string name;
  std::vector<PrecisionDescription> precisions;  ///< at least one; the first is the default
  std::vector<OptionDescription> options;
  /// Those of this machine, the default first; empty: device_problem says why, or only the CPU.
  std::vector<DeviceDescription> devices{};
  std::string device_problem{};
};

/// Everything outside the experiment file, passed in so that tests and the fuzzer need no backends, models or files.
/// All functions throw Error with one line and no position; the reader prepends file:line:column.
struct ExperimentLookups {
  /// A backend by name or by path (contains a '/'; relative paths start at `folder`).
  std::function<BackendSchema(const std::string& reference, const std::filesystem::path& folder)> backend;
  /// A model by folder (relative paths start at `folder`), hub name or synthetic:SHAPE.
  std::function<ModelFacts(const std::string& reference, const std::filesystem::path& folder)> model;
  /// All bytes of an experiment file. Throws if the file is larger than kMaxFileBytes.
  std::function<std::string(const std::filesystem::path&)> read_file;
  /// Throws if a text named by the experiment is not a readable file.
  std::function<void(const std::filesystem::path&)> check_readable;
  /// Number of tokens in a text, counted up to `limit`, by the tokenizer of the model (as returned by the lookup
  /// `model`). Throws if the model has no tokenizer, or one that is not its own.
  std::function<std::size_t(const ModelFacts& model, const std::filesystem::path& text, std::size_t limit)>
      count_tokens;
  /// Throws if the model has no tokenizer of its own.
  std::function<void(const ModelFacts& model)> check_tokenizer;
  /// Lengths of the prompts and answers in a file, see read_prompt_file, by the tokenizer of the model.
  std::function<std::vector<RequestLengths>(const ModelFacts& model, const std::filesystem::path&)> lengths;
  /// The requests of a trace, see read_trace.
  std::function<std::vector<TraceRow>(const std::filesystem::path&)> trace;
  std::int32_t usable_cpus = 1;   ///< meaning of `threads: all`; includes a control group's quota
  std::int32_t most_threads = 0;  ///< largest thread count given as a number, ignoring the quota; 0: usable_cpus
  /// The CPUs that a word of measure.cpus stands for, see choose_cpus.
  std::function<std::vector<int>(const std::string& word)> cpus;
};

/// Experiments are written by hand, so a larger file is probably a wrong file name.
inline constexpr std::uintmax_t kMaxFileBytes = 1 << 20;

/// Real lookups: backends from `plugins`, models and files of this machine, and the CPUs of the process's affinity mask
/// and quota.
ExperimentLookups real_lookups(const PluginPath& plugins);

}  // namespace inferbench
