// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "support/test_paths.hpp"

namespace inferbench::test {

/// The checked-in run that reports are tested on.
inline std::string small_run() {
  return std::string(test_paths::kData) + "/run-small";
}

/// The expected output for it.
inline std::string golden(const std::string& name) {
  return small_run() + "/expected/" + name;
}

}  // namespace inferbench::test
