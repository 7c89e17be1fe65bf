// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "results/trial_record.hpp"

namespace inferbench {

/// Parses rows of trials.jsonl one after another and reuses its buffers. For use by one thread.
class TrialParser {
 public:
  TrialParser();
  ~TrialParser();
  TrialParser(const TrialParser&) = delete;
  TrialParser& operator=(const TrialParser&) = delete;

  /// Like parse_trial_record.
  TrialRecord parse(std::string_view line);

 private:
  struct Buffers;
  std::unique_ptr<Buffers> buffers_;
};

}  // namespace inferbench
