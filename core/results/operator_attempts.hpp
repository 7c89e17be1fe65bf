// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "results/operator_result.hpp"

namespace inferbench {

/// The attempts at one block of operators: of each row, in order. A row that failed has fewer, or none.
using OperatorAttempts = std::vector<std::vector<OperatorTime>>;

/// Adds the attempts to `rows`: of the one that counts to `times`, of the others to `replaced`. As choose_attempts does
/// for trials: the fewest disturbed samples of rows that are ok, the first of several with as few, the same for all.
void add_attempts(const OperatorAttempts& attempts, std::vector<OperatorRow>& rows);

}  // namespace inferbench
