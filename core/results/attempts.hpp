// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "results/trial_record.hpp"

namespace inferbench {

/// Rows by whether they count, in their order.
struct CountedRows {
  std::vector<TrialRecord> trials;    ///< of each planned trial the row that counts
  std::vector<TrialRecord> replaced;  ///< the others
};

/// A block in which something disturbed a trial is run again, by all of its contenders. The attempt with the fewest
/// disturbed trials counts, the first of several with as few; for all contenders the same one, so that pairs stay
/// pairs. Nothing else decides: a choice that looked at speeds would favour lucky ones.
///
/// An attempt that is not complete, because the run was stopped in it, does not count. A contender that failed in one
/// of the attempts has failed in the block: that row counts, and no choice hides it.
CountedRows choose_attempts(std::vector<TrialRecord> records);

/// Which rows of one block count: the indices into `rows`, ascending. `rows`: all of that block, in any order.
std::vector<std::size_t> counted_rows(const std::vector<const TrialRecord*>& rows);

/// Whether both rows belong to the same block of the same point, or to the same warm-up.
bool same_block(const TrialRecord& a, const TrialRecord& b);

}  // namespace inferbench
