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
  const auto& peak = outcome.memory.peak_rss_bytes;
  const auto& before = trial.load.rss_before_bytes;
  if (!trial.ok() || !peak || !before || outcome.device_bytes.value_or(0) > 0) return std::nullopt;
  const MemoryCheck check{*peak - std::min(*peak, *before),
                          trial.load.weights_bytes + outcome.kv_bytes.value_or(0) + outcome.scratch_bytes.value_or(0)};
  if (check.reported == 0) return std::nullopt;
  return check;
}

}  // namespace inferbench
