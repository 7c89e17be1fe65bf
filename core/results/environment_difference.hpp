// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace inferbench {

/// One value that differs between two environments.
struct EnvironmentDifference {
  std::string key;     ///< "cpu/model"
  std::string before;  ///< as text; empty: unknown
  std::string now;
};

/// The differences between two environments (as made by collect_environment), by key. Values that change from minute to
/// minute on one machine (time, load, free memory, frequency) are left out. Text that is not a JSON object counts as
/// empty.
std::vector<EnvironmentDifference> compare_environments(const std::string& before, const std::string& now);

/// The differences between two environments (as made by collect_environment), one line each, such as "cpu.model: X, now
/// Y". Values that change from minute to minute are left out.
std::vector<std::string> environment_differences(const std::string& before, const std::string& now);

}  // namespace inferbench
