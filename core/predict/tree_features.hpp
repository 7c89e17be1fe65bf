// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "predict/boosted_trees.hpp"
#include "predict/samples.hpp"

namespace inferbench {

/// The trees' features: one column per contender (0 or 1), then logarithms of weights, layers, width, prompt, context,
/// batch, threads, and the machine's bandwidth and peak (0 if not measured).
std::vector<std::string> tree_feature_names(const std::vector<std::string>& contenders);

/// In the order of the names.
std::vector<double> tree_features(const std::vector<std::string>& contenders, const Setting& setting,
                                  const Workload& workload);

/// Times and memory can only grow with weights, prompt, context and batch.
std::vector<Monotone> tree_monotony(const std::vector<std::string>& contenders);

}  // namespace inferbench
