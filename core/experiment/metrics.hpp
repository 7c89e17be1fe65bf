// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace inferbench {

/// The metrics that a target may name, in the order of a report.
const std::vector<std::string>& metric_names();

}  // namespace inferbench
