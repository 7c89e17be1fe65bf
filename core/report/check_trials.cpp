// SPDX-License-Identifier: Apache-2.0
#include "report/check_trials.hpp"

#include <fmt/format.h>

#include "report/number_text.hpp"
#include "support/one_line.hpp"

namespace inferbench {

NoTrial why_no_trial(const TrialIndex::Trials& trials) {
  const TrialRecord* first = nullptr;
  std::size_t failed = 0;
  for (const TrialRecord* trial : trials) {
    if (trial->ok() && !trial->warm_up()) return {};
    if (trial->ok()) continue;
    ++failed;
    if (first == nullptr) first = trial;
  }
  if (first == nullptr) return {"not run", false};
  return {fmt::format("{} of {} trials failed, the first {}: {}", failed, trials.size(),
                      to_string(first->outcome.status), one_line(first->outcome.error, 120)),
          true};
}

std::string value_text(std::string_view metric, double value) {
  if (metric.ends_with("_bytes")) return number_text(value / (1024.0 * 1024.0)) + " MiB";
  if (metric.ends_with("tokens_per_s")) return number_text(value) + " tok/s";
  if (metric.ends_with("_s")) return number_text(value) + " s";
  return number_text(value) + " ms";
}

}  // namespace inferbench
