// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/target_scope.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

/// Reads `targets`; null and an empty list give none. Throws Error with the position, also for anything that is not in
/// `scope`.
std::vector<Target> read_targets(const YamlNode* node, const TargetScope& scope);

/// Reads `regressions` in the same way.
std::vector<RegressionRule> read_regressions(const YamlNode* node, const TargetScope& scope);

/// Reads `interactive`: a metric with one bound and no contender. Throws Error with the position.
std::optional<Target> read_interactive(const YamlNode* node);

/// `interactive` of a run's resolved experiment (RunInfo::resolved_yaml). Throws Error if the text is not an
/// experiment.
std::optional<Target> interactive_of(const std::string& resolved_yaml);

/// The bound as written in the file: "1.5 x baseline" or "200".
std::string bound_text(const Target& target);

}  // namespace inferbench
