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
///
/// A backend may remember what its process has computed, so the sequences that one process runs differ from each other,
/// and from their first token on as far as there are tokens enough: random ids by construction, windows of a text in
/// where they begin and in what they say. Where a vocabulary or a text has too few for that, notes() says so.
class PromptSource {
 public:
  /// Reads and encodes prompts.file for every model. Throws Error where a model has no tokenizer or the text is shorter
  /// than the longest prompt.
  explicit PromptSource(const Experiment& experiment);

  /// Row-major [batch, past_tokens + prompt_tokens] of the point. Sequence j takes prompt stream `stream` + j, behind
  /// the point's shared prefix, which comes from shared_prefix_stream. The same for the same experiment, on every
  /// machine.
  std::vector<std::int32_t> prompts_for(std::int32_t point, std::uint64_t stream) const;

  /// A line for each model and prompt length of which a process must run the same prompt more than once.
  std::vector<std::string> notes() const;

 private:
  struct Text {
    std::vector<std::int32_t> ids;
    /// By length: where its windows begin, each content once.
    std::map<std::int32_t, std::vector<std::int32_t>> starts;
  };

  std::vector<std::int32_t> sequence(const Point& point, std::uint64_t stream, std::int64_t place,
                                     std::int32_t length) const;
  std::int64_t different_prompts(const Point& point) const;

  const Experiment* experiment_;  ///< outlives this
  PromptPlaces places_;
  std::map<std::string, Text> texts_;  ///< by model reference
};

}  // namespace inferbench
