// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "experiment/experiment.hpp"
#include "experiment/sweep.hpp"

namespace inferbench {

/// The experiment as YAML with every default written out, every list multiplied out and every path absolute. Reading it
/// gives the same experiment.
std::string resolve_yaml(const Experiment& experiment, const Sweep& sweep);

}  // namespace inferbench
