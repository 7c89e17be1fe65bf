// SPDX-License-Identifier: Apache-2.0
#include "results/operator_attempts.hpp"

#include <algorithm>
#include <cstddef>

namespace inferbench {

void add_attempts(const OperatorAttempts& attempts, std::vector<OperatorRow>& rows) {
  std::size_t n_attempts = 0;
  for (const auto& times : attempts) n_attempts = std::max(n_attempts, times.size());
  const auto n_disturbed = [&](std::size_t attempt) {
    std::size_t n = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      n += rows[i].ok() && attempt < attempts[i].size() && !attempts[i][attempt].disturbed_by.empty() ? 1U : 0U;
    }
    return n;
  };
  std::size_t chosen = 0;
  for (std::size_t attempt = 1; attempt < n_attempts; ++attempt) {
    if (n_disturbed(attempt) < n_disturbed(chosen)) chosen = attempt;
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t attempt = 0; attempt < attempts[i].size(); ++attempt) {
      (attempt == chosen ? rows[i].times : rows[i].replaced).push_back(attempts[i][attempt]);
    }
  }
}

}  // namespace inferbench
