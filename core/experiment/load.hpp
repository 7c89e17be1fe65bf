// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"

namespace inferbench {

/// Reads, completes and checks an experiment file (docs/experiment_reference.md). Follows `extends`, applies
/// `overrides` ("a.b=YAML value", from --set) in order, loads every backend to ask what it offers and opens every
/// model. Nothing is measured. Throws Error (exit code 2) with one line: "file:line:column: what was found, what would
/// be accepted".
Experiment load_experiment(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                           const PluginPath& plugins);

/// The same, with lookups supplied by the caller.
Experiment load_experiment(const std::filesystem::path& path, const std::vector<std::string>& overrides,
                           const ExperimentLookups& lookups);

/// The same from text that was already read, such as `resolved_yaml` of a run folder. `path` is used only to name the
/// text in messages and to resolve its relative paths.
Experiment load_experiment_text(const std::string& text, const std::filesystem::path& path,
                                const std::vector<std::string>& overrides, const ExperimentLookups& lookups);

}  // namespace inferbench
