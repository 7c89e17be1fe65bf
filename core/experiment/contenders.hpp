// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/keys.hpp"
#include "experiment/lookups.hpp"
#include "experiment/yaml_tree.hpp"

namespace inferbench {

constexpr std::size_t kMaxNameBytes = 100;  ///< of the names of experiments and contenders

struct ContenderList {
  std::vector<Contender> contenders;      ///< names distinct
  std::vector<std::string> precisions;    ///< every precision that one of the backends offers
  std::vector<std::string> left_out;      ///< why optional contenders are not available on this machine, one line each
  std::optional<Position> endpoint_at{};  ///< the entry of the first server; absent: there is none
};

/// Reads `backends`: an entry is "PLUGIN[:PRECISION][@DEVICE]", {plugin, name, precision, device, options, optional},
/// or {endpoint, model, ...} where `keys` has it (see read_endpoint). Lists of precisions, devices and option values
/// multiply out; the precision varies slowest, then the device. A contender without a name is called
/// plugin:precision@device/option=value, with the devices and options that vary, and with a device that the short form
/// names. A name that expands to several contenders gets what varies as a suffix. With `optional: true`, a backend that
/// does not load, and a precision or device that it does not offer here, are left out. Throws Error with the position.
ContenderList read_contenders(const YamlNode& backends, const ExperimentLookups& lookups,
                              const KeyTable& keys = experiment_keys());

/// The contender that `root`'s key `baseline` names, or the first one without that key. Throws Error with the position.
std::string read_baseline(const YamlNode& root, const std::vector<Contender>& contenders);

std::vector<std::string> contender_names(const std::vector<Contender>& contenders);

}  // namespace inferbench
