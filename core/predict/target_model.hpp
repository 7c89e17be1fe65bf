// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "predict/boosted_trees.hpp"
#include "predict/physical_model.hpp"
#include "predict/samples.hpp"

namespace inferbench {

/// How a target is predicted.
enum class Method {
  kPhysical,          ///< the sum of physical terms
  kTrees,             ///< boosted trees on the target's logarithm
  kPhysicalAndTrees,  ///< boosted trees on the logarithm of measured / sum of terms
};

/// In order of preference in a tie.
inline constexpr Method kMethods[] = {Method::kPhysical, Method::kPhysicalAndTrees, Method::kTrees};

/// "physical", "trees", "physical and trees".
std::string_view to_string(Method method);
/// Throws Error for another text.
Method method_from(std::string_view text);

/// A fitted target. The physical part is always present.
struct TargetModel {
  Method method = Method::kPhysical;
  PhysicalModel physical;
  std::vector<std::string> contenders;  ///< the contender columns of the trees
  std::optional<BoostedTrees> trees;    ///< absent for kPhysical

  /// ms or bytes, positive; 0 for a contender that was not fitted.
  double predict(const Setting& setting, const Workload& workload) const;
};

/// Samples without the target are ignored; at least one must have it. Throws Error if XGBoost fails.
TargetModel fit_target(const std::string& target, Method method, std::span<const Sample* const> samples);

}  // namespace inferbench
