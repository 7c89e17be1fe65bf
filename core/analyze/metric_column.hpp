// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "analyze/configurations.hpp"

namespace inferbench {

/// One metric of many configurations. Every part of an analysis needs it, and looking it up in a large run's trials
/// takes long, so it is done once. Borrows the configurations and the metric's name.
struct MetricColumn {
  /// Throws Error for an unknown metric.
  MetricColumn(std::span<const MeasuredConfiguration> measured, std::string_view name);

  std::span<const MeasuredConfiguration> configurations;
  std::string_view metric;
  std::vector<std::vector<std::optional<double>>> values;  ///< [configuration][trial]; nullopt: the trial has none
  std::vector<std::optional<double>> medians;              ///< [configuration], over the trials that have a value
};

}  // namespace inferbench
