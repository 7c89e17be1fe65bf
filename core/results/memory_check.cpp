// SPDX-License-Identifier: Apache-2.0
#include "results/memory_check.hpp"

#include <algorithm>
#include <cmath>

namespace inferbench {

namespace {

constexpr double kShown = 0.2;
constexpr std::uint64_t kSmall = 8U << 20U;

}  // namespace

bool MemoryCheck::disagrees() const {
  const std::uint64_t apart = std::max(measured, reported) - std::min(measured, reported);
  return std::abs(disagreement()) > kShown && apart > kSmall;
}

std::optional<MemoryCheck> check_memory(const TrialRecord& trial) {
  const TrialOutcome& outcome = trial.outcome;
  const std::uint64_t peak = outcome.memory.peak_rss_bytes;
  const std::uint64_t before = trial.load.rss_before_bytes;
  const MemoryCheck check{peak - std::min(peak, before),
                          trial.load.weights_bytes + outcome.kv_bytes + outcome.scratch_bytes};
  if (!trial.ok() || check.reported == 0 || before == 0 || outcome.device_bytes > 0) return std::nullopt;
  return check;
}

}  // namespace inferbench
