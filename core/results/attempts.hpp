// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "results/trial_record.hpp"

namespace inferbench {

/// A run's rows, split by whether they count; each part in the original order.
struct CountedRows {
  std::vector<TrialRecord> trials;    ///< the row that counts for each planned trial
  std::vector<TrialRecord> replaced;  ///< the others
};

/// If a trial of a block was disturbed, all contenders that have not failed repeat the block. The attempt with the
/// fewest disturbed trials counts, the earliest one in a tie. It is the same attempt for all contenders, so that pairs
/// stay pairs. Nothing else decides: a choice that looked at speeds would favor lucky attempts.
///
/// A repeat that is incomplete because the run was stopped does not count; of an incomplete first attempt, the rows
/// that exist do. A contender that failed in one of the attempts failed in the block: its failed row counts, so the
/// choice cannot hide it.
CountedRows choose_attempts(std::vector<TrialRecord> records);

/// Indices of the rows of one block that count, ascending. `rows`: all rows of that block, in any order.
std::vector<std::size_t> counted_rows(const std::vector<const TrialRecord*>& rows);

/// True if both rows belong to the same block of the same point, or to the same warm-up.
bool same_block(const TrialRecord& a, const TrialRecord& b);

}  // namespace inferbench
