// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// A bundled backend on another engine that this program was built without.
struct LeftOutEngine {
  std::string name;    ///< such as "torch"
  std::string reason;  ///< such as "libtorch was not found when this program was built"
  std::string hint;    ///< what to install or to change
};

/// Lines of NAME|REASON|HINT, written by CMake (cmake/InferbenchEngines.cmake).
extern const std::string_view kLeftOutText;

std::vector<LeftOutEngine> left_out_engines(std::string_view text = kLeftOutText);

}  // namespace inferbench
