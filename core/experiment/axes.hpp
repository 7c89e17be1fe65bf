// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "experiment/bounds.hpp"
#include "experiment/experiment.hpp"

namespace inferbench {

/// A numeric axis of the sweep. Experiment files, tables, messages and reports all follow the rows of kAxisRules.
struct AxisRule {
  std::string_view name;   ///< in experiment files, rows and reports
  std::string_view label;  ///< in tables and messages
  std::int32_t Point::*field;
  std::int32_t min;
  std::int32_t max;       ///< 0: the usable CPUs
  std::int32_t fallback;  ///< used if the file does not name the axis; 0 if max is 0: the usable CPUs
  std::string_view unit;
  std::string_view meaning;  ///< a sentence for the reference page
  std::string_view example;  ///< YAML

  bool counts_cpus() const { return max == 0; }
  /// Most runs do not use the axis, so a 0 is not mentioned. Rows of earlier versions do not have it.
  bool optional() const { return min == 0; }
};

inline constexpr std::size_t kAxes = 6;
/// The first axis varies slowest. Threads come first because a worker's thread count is fixed when it loads the model.
inline constexpr std::array<AxisRule, kAxes> kAxisRules{{
    {"threads", "threads", &Point::threads, 1, 0, 0, "",
     "Threads of the backend. `all` means every CPU that the process may use, or fewer under a control group's CPU "
     "quota; `doubling` means 1, 2, 4, ... up to all.",
     "[1, 2]"},
    {"prompt_tokens", "prompt", &Point::prompt_tokens, 1, kMaxTokens, 128, "tokens", "Length of each prompt.",
     "[32, 512]"},
    {"generate_tokens", "generate", &Point::generate_tokens, 1, kMaxTokens, 32, "tokens",
     "Tokens to generate for each prompt; n tokens make n - 1 decode steps.", "[64]"},
    {"batch", "batch", &Point::batch, 1, kMaxBatch, 1, "sequences", "Sequences that run at once.", "[1, 8]"},
    {"past_tokens", "past", &Point::past_tokens, 0, kMaxTokens, 0, "tokens",
     "Tokens of each sequence that are in the key-value cache before the clock starts: speed at a depth.", "[0, 256]"},
    {"shared_prefix_tokens", "shared prefix", &Point::shared_prefix_tokens, 0, kMaxTokens, 0, "tokens",
     "Leading tokens of past and prompt that all sequences of all trials of a point share, like a system prompt. 0: "
     "all prompts differ from the first token on.",
     "[0, 32]"},
}};
/// The order in which a point's axes are printed and the file's keys are listed.
inline constexpr std::array<std::string_view, kAxes> kAxesAsTold{
    "prompt_tokens", "generate_tokens", "batch", "threads", "past_tokens", "shared_prefix_tokens"};
constexpr const AxisRule& axis_rule(std::string_view name) {
  std::size_t i = 0;
  while (kAxisRules.at(i).name != name) ++i;
  return kAxisRules.at(i);
}

}  // namespace inferbench
