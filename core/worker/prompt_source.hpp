// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"

namespace inferbench {

/// The token ids that trials feed: random ones, or windows of a text file.
class PromptSource {
 public:
  /// Reads and encodes prompts.file for every model. Throws Error where a model has no tokenizer or the text is shorter
  /// than the longest prompt.
  explicit PromptSource(const Experiment& experiment);

  /// Row-major [batch, past_tokens + prompt_tokens] of the trial's point. Sequence j takes prompt stream
  /// prompt_stream + j: random ids (DESIGN section 9), or the window of the text that starts at a place made from the
  /// stream; behind the point's shared prefix, which comes from shared_prefix_stream.
  std::vector<std::int32_t> prompts_for(const PlannedTrial& trial) const;

 private:
  std::vector<std::int32_t> sequence(const Point& point, std::uint64_t stream, std::size_t length) const;

  const Experiment* experiment_;                            ///< outlives this
  std::map<std::string, std::vector<std::int32_t>> texts_;  ///< model reference -> the encoded file
};

}  // namespace inferbench
