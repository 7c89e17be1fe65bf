// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"
#include "measure/machine_limits.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// The library that a contender ran.
struct PluginIdentity {
  std::string contender;
  std::string path;
  std::string name;
  std::string version;
  std::string build;
  std::string sha256;  ///< of the file

  friend bool operator==(const PluginIdentity&, const PluginIdentity&) = default;
};

/// The model that a point ran.
struct ModelIdentity {
  std::string reference;  ///< as the experiment says
  std::string name;       ///< short, for tables
  std::string sha256;     ///< of the weight files, or of the synthetic reference
  std::uint64_t n_parameters = 0;
  /// Layers, heads, widths, context, vocabulary and head: what speed and memory hang on; run.json keeps no more of it.
  /// Absent in folders that an earlier version wrote.
  std::optional<ModelConfig> shape;

  friend bool operator==(const ModelIdentity&, const ModelIdentity&) = default;
};

/// A folder that went into a merged one.
struct MergedRun {
  std::string folder;  ///< as it was named
  std::string started;
  std::string environment;           ///< a JSON object
  std::vector<std::string> differs;  ///< how its environment differs from the first folder's, a line each
};

/// run.json: all that is known before the first trial.
struct RunInfo {
  std::string name;
  std::string experiment_file;
  std::string resolved_yaml;
  std::string baseline;
  std::vector<Contender> contenders;
  std::vector<Point> points;
  std::int32_t blocks = 0;
  std::optional<bool> fresh_processes{};  ///< MeasureSettings'; absent in folders of earlier versions
  std::uint64_t planned_trials = 0;       ///< without the blocks that measure.until adds
  std::string program;                    ///< "inferbench 0.1.0"
  std::string started;                    ///< UTC, ISO 8601
  std::string environment;                ///< a JSON object, as collect_environment makes it
  std::vector<PluginIdentity> plugins;
  std::vector<ModelIdentity> models;
  Shard shard;                           ///< which part of the points this run has
  std::optional<MachineLimits> machine;  ///< measured before the first trial; absent where that was not wanted
  std::vector<MergedRun> merged;         ///< empty unless `inferbench merge` made this folder
};

/// Indented JSON, ending with a newline.
std::string to_json_text(const RunInfo& info);

/// Throws Error that says what is missing or wrong.
RunInfo parse_run_info(std::string_view text);

/// What differs between the run that `before` began and the one that `now` would continue, as one line; empty where
/// they are the same experiment on the same plugins and models.
std::string find_difference(const RunInfo& before, const RunInfo& now);

}  // namespace inferbench
