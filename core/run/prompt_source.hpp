// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "experiment/plan.hpp"

namespace inferbench {

/// The token ids that trials feed: random ones, or windows of a text file.
///
/// A backend may cache what its process has computed, so all sequences that one process runs are different, from their
/// first token on as far as possible. Random ids differ by construction; windows of a text have different start
/// positions and different contents. If a vocabulary or a text is too small for that, notes() says so.
class PromptSource {
 public:
  /// Reads and encodes prompts.file for every model. Throws Error if a model has no tokenizer or the text is shorter
  /// than the longest prompt.
  explicit PromptSource(const Experiment& experiment);

  /// Row-major [batch, past_tokens + prompt_tokens] for the point. Sequence j uses prompt stream `stream` + j after the
  /// point's shared prefix, which comes from shared_prefix_stream. Equal for the same experiment on every machine.
  std::vector<std::int32_t> prompts_for(std::int32_t point, std::uint64_t stream) const;

  /// The prompt of `length` tokens, at least 1, of a scenario's request with prompt stream `stream`: the beginning of
  /// the point's longest. `blocks`: as in TraceRow; the tokens of a block depend on its identity alone.
  std::vector<std::int32_t> prompt_of_request(std::int32_t point, std::uint64_t stream, std::int32_t length,
                                              std::span<const std::uint64_t> blocks) const;

  /// One line for each model and prompt length for which a process must run a prompt more than once.
  std::vector<std::string> notes() const;

 private:
  struct Text {
    std::vector<std::int32_t> ids;
    /// Window length -> start positions, one for each distinct content.
    std::map<std::int32_t, std::vector<std::int32_t>> starts;
  };

  std::vector<std::int32_t> sequence(const Point& point, std::uint64_t stream, std::int64_t place,
                                     std::int32_t length) const;
  std::vector<std::int32_t> shared_prefix(const Point& point) const;
  /// The whole prompt of one sequence, which begins with `prefix`.
  std::vector<std::int32_t> prompt_for(std::int32_t point_index, std::uint64_t stream,
                                       const std::vector<std::int32_t>& prefix) const;
  std::int64_t different_prompts(const Point& point) const;

  const Experiment* experiment_;  ///< outlives this
  PromptPlaces places_;
  std::map<std::string, Text> texts_;  ///< by model reference
};

}  // namespace inferbench
