// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "predict/samples.hpp"

namespace inferbench {

/// A target as a sum of physical terms (physical_terms.hpp), each times a coefficient of at least zero, the contender's
/// own. A coefficient of "weights over bandwidth" of 1.2 says: a fifth slower than the machine can read.
struct PhysicalModel {
  std::string target;
  std::map<std::string, std::vector<double>> coefficients;  ///< contender -> as physical_term_names

  /// ms or bytes; 0 for a contender that was not fitted.
  double predict(const Setting& setting, const Workload& workload) const;

  friend bool operator==(const PhysicalModel&, const PhysicalModel&) = default;
};

/// Least squares of relative errors, so that short steps count as much as long ones; large errors, as of a disturbed
/// trial, count singly (Huber), and there is a slight pull towards physical_priors. Samples without the target are left
/// out.
PhysicalModel fit_physical_model(const std::string& target, std::span<const Sample* const> samples);

}  // namespace inferbench
