// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "predict/samples.hpp"

namespace inferbench {

/// A target as a sum of physical terms (physical_terms.hpp), each times a nonnegative coefficient of the contender. For
/// "weights over bandwidth", a coefficient of 1.2 means 20% more time than the machine's read bandwidth allows.
struct PhysicalModel {
  std::string target;
  std::map<std::string, std::vector<double>> coefficients;  ///< contender -> in the order of physical_term_names

  /// ms or bytes; 0 for a contender that was not fitted.
  double predict(const Setting& setting, const Workload& workload) const;

  friend bool operator==(const PhysicalModel&, const PhysicalModel&) = default;
};

/// Least squares of relative errors, so that short steps count as much as long ones. Large errors, for example of a
/// disturbed trial, count linearly (Huber), and there is a slight pull towards physical_priors. Samples without the
/// target are left out.
PhysicalModel fit_physical_model(const std::string& target, std::span<const Sample* const> samples);

}  // namespace inferbench
