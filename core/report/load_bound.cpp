// SPDX-License-Identifier: Apache-2.0
#include "report/load_bound.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace inferbench {

namespace {

// Parts that need less than this share of the time explain too little to be called the bound.
constexpr double kLeastShare = 0.25;

std::string_view part_name(LoadBoundKind kind) {
  switch (kind) {
    case LoadBoundKind::kMemory:
      return "memory";
    case LoadBoundKind::kArithmetic:
      return "arithmetic";
    case LoadBoundKind::kWaiting:
      return "waits for requests";
    case LoadBoundKind::kScheduler:
      return "scheduler";
    case LoadBoundKind::kUnknown:
    case LoadBoundKind::kBackend:
      break;
  }
  return "backend";
}

double least_seconds(double amount, double rate) {
  return rate > 0 ? amount / rate : 0;
}

}  // namespace

LoadBound load_bound(const ServingTotals& totals, const LoadCosts& costs) {
  const double all_s = totals.forward_s + totals.scheduler_s + totals.idle_s;
  if (totals.steps == 0 || !(all_s > 0)) return {};
  const double read_bytes = static_cast<double>(totals.steps) * costs.bytes_per_call;
  const std::array parts{
      LoadBound{LoadBoundKind::kMemory, least_seconds(read_bytes, costs.bytes_per_s) / all_s},
      LoadBound{LoadBoundKind::kArithmetic, least_seconds(costs.operations, costs.operations_per_s) / all_s},
      LoadBound{LoadBoundKind::kWaiting, totals.idle_s / all_s},
      LoadBound{LoadBoundKind::kScheduler, totals.scheduler_s / all_s}};
  LoadBound most = *std::max_element(parts.begin(), parts.end(),
                                     [](const LoadBound& a, const LoadBound& b) { return a.share < b.share; });
  // Without both limits, a part that was not measured may be larger than the ones that were.
  const bool known = costs.bytes_per_s > 0 && costs.bytes_per_call > 0 && costs.operations_per_s > 0;
  if (!known && most.share < 0.5) return {};
  most.share = std::min(most.share, 1.0);  // weights may stay in a cache
  if (most.share < kLeastShare) return {LoadBoundKind::kBackend, totals.forward_s / all_s};
  return most;
}

std::string load_bound_text(const LoadBound& bound) {
  if (bound.kind == LoadBoundKind::kUnknown) return "-";
  return fmt::format("{} {:.0f}%", part_name(bound.kind), 100 * bound.share);
}

}  // namespace inferbench
