// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace inferbench {

/// One value that two environments do not share.
struct EnvironmentDifference {
  std::string key;     ///< "cpu/model"
  std::string before;  ///< as text; empty: not known
  std::string now;
};

/// Where two environments (as collect_environment makes them) differ, by key. What changes from minute to minute on one
/// machine (time, load, free memory, frequency) is left out; so is all of what is no JSON object.
std::vector<EnvironmentDifference> compare_environments(const std::string& before, const std::string& now);

/// How two environments (as collect_environment makes them) differ, a line each such as "cpu.model: X, now Y". What
/// changes from minute to minute is left out.
std::vector<std::string> environment_differences(const std::string& before, const std::string& now);

}  // namespace inferbench
