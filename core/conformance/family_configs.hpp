// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "conformance/test_configs.hpp"

namespace inferbench::conformance {

/// Small models with exactly the parts of the published families, for backends that declare IB_FLAG_WHOLE_FAMILIES:
/// those that need no other features than `features`, the ones with the fewest parts first. At least one.
std::vector<NamedConfig> family_configs(std::uint64_t features);

}  // namespace inferbench::conformance
