// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"

namespace inferbench {

/// Reads, completes and checks an experiment file (DESIGN section 4): `extends` followed, `overrides` ("a.b=YAML
/// value", from --set) applied in order, every backend loaded and asked what it offers, every model opened. Nothing is
/// measured. Throws Error (exit code 2): one line "file:line:column: what was found, what would be accepted".
Experiment load_experiment(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                           const PluginPath& plugins);

/// The same with the outside world handed in.
Experiment load_experiment(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                           const ExperimentLookups& lookups);

/// The same from text already read, such as `resolved_yaml` of a run folder. `path` only names the text in messages and
/// is where its relative paths start.
Experiment load_experiment_text(const std::string& text, const std::filesystem::path& path,
                                const std::vector<std::string>& overrides, const ExperimentLookups& lookups);

}  // namespace inferbench
