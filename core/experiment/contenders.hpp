// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

constexpr std::size_t kMaxNameBytes = 100;  ///< of an experiment, and of a contender

struct ContenderList {
  std::vector<Contender> contenders;    ///< names distinct
  std::vector<std::string> precisions;  ///< every precision that one of the backends offers
  std::vector<std::string> left_out;    ///< a line for each optional contender that this machine cannot have, and why
};

/// Reads `backends`: an entry is "PLUGIN", "PLUGIN:PRECISION" or {plugin, name, precision, options, optional}; lists of
/// precisions and of option values multiply out, precision slowest. A contender that has no name of its own is called
/// plugin:precision/option=value, with the options that vary; one that has, and expands to several, gets what varies as
/// a suffix. An entry with `optional: true` whose backend does not load is left out, and so is a precision that its
/// backend does not offer. Throws Error with the position.
ContenderList read_contenders(const YamlNode& backends, const ExperimentLookups& lookups);

/// The contender that `root`'s key `baseline` names; the first where it names none. Throws Error with the position.
std::string read_baseline(const YamlNode& root, const std::vector<Contender>& contenders);

std::vector<std::string> contender_names(const std::vector<Contender>& contenders);

}  // namespace inferbench
