// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace inferbench::golden {

/// One prompt, with the results of a float64 model.
struct Case {
  std::string name;
  std::vector<std::int32_t> input_ids;
  std::vector<float> logits;         ///< [positions, vocab]; either every position or only the last one
  std::vector<std::int32_t> greedy;  ///< ids that follow the prompt
  std::vector<float> greedy_margin;  ///< gap between the best two logits at each of these steps
};

/// Cases of a folder of tests/data, or of synthetic:SHAPE (whose folder is synthetic-SHAPE-seed0). Throws Error.
std::vector<Case> read_cases(const std::string& fixture);

/// The reference with which Model::open finds the fixture's model.
std::string model_reference(const std::string& fixture);

}  // namespace inferbench::golden
