// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "predict/boosted_trees.hpp"
#include "predict/samples.hpp"

namespace inferbench {

/// What trees see: one column a contender (0 or 1), then logarithms of weights, layers, width, prompt, context, batch,
/// threads, and the machine's bandwidth and peak (0 where nobody measured them).
std::vector<std::string> tree_feature_names(const std::vector<std::string>& contenders);

/// In the names' order.
std::vector<double> tree_features(const std::vector<std::string>& contenders, const Setting& setting,
                                  const Workload& workload);

/// Times and memory grow with weights, prompt, context and batch, whatever else is the case.
std::vector<Monotone> tree_monotony(const std::vector<std::string>& contenders);

}  // namespace inferbench
