// SPDX-License-Identifier: Apache-2.0
#include "predict/scores.hpp"

#include <algorithm>
#include <cmath>

namespace inferbench {

Scores score(std::span<const HeldOut> held_out) {
  Scores scores;
  scores.n = held_out.size();
  if (held_out.empty()) return scores;
  const auto n = static_cast<double>(held_out.size());
  double mean = 0;
  for (const HeldOut& one : held_out) mean += one.measured / n;
  double errors = 0;
  double spread = 0;
  for (const HeldOut& one : held_out) {
    scores.mape += std::abs(one.predicted - one.measured) / one.measured / n;
    errors += (one.predicted - one.measured) * (one.predicted - one.measured);
    spread += (one.measured - mean) * (one.measured - mean);
  }
  if (spread > 0) scores.r2 = 1 - errors / spread;
  return scores;
}

ThresholdScores score_threshold(std::span<const HeldOut> held_out, double at_most) {
  ThresholdScores scores;
  std::vector<double> meeting;
  std::vector<double> missing;
  std::size_t right = 0;
  for (const HeldOut& one : held_out) {
    const bool meets = one.measured <= at_most;
    (meets ? meeting : missing).push_back(one.predicted);
    if (meets == (one.predicted <= at_most)) ++right;
  }
  scores.meets = meeting.size();
  scores.misses = missing.size();
  if (!held_out.empty()) scores.accuracy = static_cast<double>(right) / static_cast<double>(held_out.size());
  if (meeting.empty() || missing.empty()) return scores;
  double wins = 0;
  for (const double a : meeting) {
    for (const double b : missing) wins += a < b ? 1 : (a == b ? 0.5 : 0);
  }
  scores.roc_auc = wins / (static_cast<double>(meeting.size()) * static_cast<double>(missing.size()));
  return scores;
}

std::optional<double> conformal_half_width(std::vector<double> log_residuals, double level) {
  for (double& residual : log_residuals) residual = std::abs(residual);
  std::sort(log_residuals.begin(), log_residuals.end());
  // The 1e-9 makes 0.9 x 10 count as 9, not 9.000000000000002.
  const double rank = std::ceil((static_cast<double>(log_residuals.size()) + 1) * level - 1e-9);
  if (rank < 1 || rank > static_cast<double>(log_residuals.size())) return std::nullopt;
  return log_residuals[static_cast<std::size_t>(rank) - 1];
}

}  // namespace inferbench
