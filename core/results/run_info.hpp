// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "measure/energy.hpp"
#include "measure/machine_limits.hpp"
#include "model/model_config.hpp"
#include "support/precision.hpp"

namespace inferbench {

/// The library of a contender, or its server.
struct PluginIdentity {
  std::string contender;
  std::string path;  ///< of a server: its URL
  std::string name;  ///< of a server: "endpoint"; its version, build and hash are empty
  std::string version;
  std::string build;
  std::string sha256;         ///< of the file
  bool prompt_cache = false;  ///< IB_FLAG_PROMPT_CACHE; false in folders of earlier versions
  /// What the backend says of the contender's precision. Absent in folders of earlier versions.
  std::optional<PrecisionMeaning> precision = std::nullopt;

  friend bool operator==(const PluginIdentity&, const PluginIdentity&) = default;
};

/// What the contender's backend says of `precision`; else what the precision's name says.
std::optional<PrecisionMeaning> precision_of(std::span<const PluginIdentity> plugins, std::string_view contender,
                                             std::string_view precision);

/// A model of the run's points.
struct ModelIdentity {
  std::string reference;  ///< as in the experiment
  std::string name;       ///< short, for tables; distinct among the models of a run
  std::string sha256;     ///< of the weight files, or of the synthetic reference
  std::uint64_t n_parameters = 0;
  /// Absent in folders of early versions.
  std::optional<ModelConfig> shape;
  /// False if an earlier version wrote only layers, heads, widths, context, vocabulary and head of `shape`.
  bool whole_config = true;
  /// References from before the run folder moved; rows written then use them.
  std::vector<std::string> earlier_references{};

  friend bool operator==(const ModelIdentity&, const ModelIdentity&) = default;
};

/// A file that a run reads besides libraries and weights, or several files that belong together.
struct FileIdentity {
  std::string role;  ///< "prompts.file", "the configuration of ./model"
  std::vector<std::string> paths;
  std::string sha256;  ///< of their concatenated contents

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// A folder that was merged into this one.
struct MergedRun {
  std::string folder;  ///< as given by the user
  std::string started;
  std::string environment;           ///< a JSON object
  std::vector<std::string> differs;  ///< how its environment or backends differ from the first folder's, one line each
  Shard shard{};                     ///< its part of the points; whole in folders of earlier versions
  std::optional<MachineLimits> machine = std::nullopt;  ///< as in RunInfo
};

/// run.json: everything known before the first trial.
struct RunInfo {
  std::string name;
  std::string experiment_file;
  std::string resolved_yaml;
  std::string baseline;
  std::vector<Contender> contenders;
  std::vector<Point> points;
  std::int32_t blocks = 0;
  std::optional<bool> fresh_processes{};  ///< as in MeasureSettings; absent in folders of earlier versions
  /// The rule that turned streams into prompts (kPromptRule); absent means rule 1. A run resumes only under its own
  /// rule.
  std::optional<std::int32_t> prompt_rule{};
  std::vector<std::string> prompt_notes{};  ///< PromptSource::notes()
  std::uint64_t planned_trials = 0;         ///< without the blocks that measure.until adds
  std::string program;                      ///< "inferbench 0.1.0"
  std::string started;                      ///< UTC, ISO 8601
  std::string environment;                  ///< a JSON object, as collect_environment makes it
  std::vector<PluginIdentity> plugins;
  std::vector<ModelIdentity> models;
  std::vector<FileIdentity> files{};  ///< empty in folders of earlier versions
  /// Relative path from the run folder to the experiment file's folder, so that both can move together. Empty in
  /// folders of earlier versions.
  std::string experiment_folder_from_run{};
  Shard shard;                           ///< the part of the points in this run
  std::optional<MachineLimits> machine;  ///< measured before the first trial; absent if not requested
  std::vector<IdlePower> idle_power{};   ///< measured before the first trial; empty in folders of earlier versions
  std::vector<MergedRun> merged;         ///< empty unless `inferbench merge` made this folder
};

/// Indented JSON, ending with a newline.
std::string to_json_text(const RunInfo& info);

/// Throws Error that names `path` and says what is missing or wrong.
RunInfo parse_run_info(std::string_view text, const std::filesystem::path& path = "run.json");

/// The difference between the run that `before` started and the run `now` that would continue it, as one line. Empty if
/// experiment, plugins and models are the same.
std::string find_difference(const RunInfo& before, const RunInfo& now);

}  // namespace inferbench
