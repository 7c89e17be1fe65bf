// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "model/model.hpp"
#include "support/test_paths.hpp"

namespace inferbench {

/// Weights of the smallest model in tests/data, opened once.
inline const Weights& tiny_weights() {
  static const Weights kWeights = Model::open(std::string(test_paths::kData) + "/tiny").weights();
  return kWeights;
}

}  // namespace inferbench
