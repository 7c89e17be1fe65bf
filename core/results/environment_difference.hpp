// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace inferbench {

/// How two environments (as collect_environment makes them) differ, a line each such as "cpu.model: X, now Y". What
/// changes from minute to minute on one machine (time, load, free memory, frequency) is left out. Throws nlohmann's
/// exceptions for what is no JSON.
std::vector<std::string> environment_differences(const std::string& before, const std::string& now);

}  // namespace inferbench
