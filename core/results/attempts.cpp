// SPDX-License-Identifier: Apache-2.0
#include "results/attempts.hpp"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace inferbench {

namespace {

std::strong_ordering compare_blocks(const TrialRecord& a, const TrialRecord& b) {
  return std::tie(a.block, a.repeat, a.point) <=> std::tie(b.block, b.repeat, b.point);
}

struct EarlierBlock {
  bool operator()(const TrialRecord* a, const TrialRecord* b) const { return compare_blocks(*a, *b) < 0; }
};

constexpr std::int32_t kNever = std::numeric_limits<std::int32_t>::max();

/// One block's rows by contender.
class BlockRows {
 public:
  explicit BlockRows(const std::vector<const TrialRecord*>& rows) : rows_(rows) {
    for (const TrialRecord* row : rows_) {
      std::int32_t& failed = failed_.try_emplace(row->contender, kNever).first->second;
      if (!row->ok()) failed = std::min(failed, row->attempt);
      attempts_.insert(row->attempt);
    }
  }

  bool counts(const TrialRecord& row, std::int32_t chosen) const {
    const std::int32_t failed = failed_.at(row.contender);
    return row.attempt == (failed == kNever ? chosen : failed);
  }

  std::int32_t choose() const {
    std::int32_t chosen = *attempts_.begin();
    std::size_t fewest = disturbed(chosen);
    for (const std::int32_t attempt : attempts_) {
      if (!complete(attempt) || disturbed(attempt) >= fewest) continue;
      chosen = attempt;
      fewest = disturbed(attempt);
    }
    return chosen;
  }

 private:
  // Every contender has a row, except contenders that failed earlier: they are not run again.
  bool complete(std::int32_t attempt) const {
    return std::all_of(failed_.begin(), failed_.end(), [&](const auto& contender) {
      return contender.second < attempt || std::any_of(rows_.begin(), rows_.end(), [&](const TrialRecord* row) {
               return row->attempt == attempt && row->contender == contender.first;
             });
    });
  }

  // Counts only contenders that failed in no attempt, because the others do not have every attempt.
  std::size_t disturbed(std::int32_t attempt) const {
    return static_cast<std::size_t>(std::count_if(rows_.begin(), rows_.end(), [&](const TrialRecord* row) {
      return row->attempt == attempt && row->disturbed() && failed_.at(row->contender) == kNever;
    }));
  }

  const std::vector<const TrialRecord*>& rows_;
  std::map<std::string_view, std::int32_t> failed_;  ///< by contender: its first attempt that failed
  std::set<std::int32_t> attempts_;
};

}  // namespace

bool same_block(const TrialRecord& a, const TrialRecord& b) {
  return compare_blocks(a, b) == 0;
}

std::vector<std::size_t> counted_rows(const std::vector<const TrialRecord*>& rows) {
  if (rows.empty()) return {};
  const BlockRows block(rows);
  const std::int32_t chosen = block.choose();
  std::map<std::string_view, std::size_t> last;  // in case a file holds an attempt twice
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (block.counts(*rows[i], chosen)) last[rows[i]->contender] = i;
  }
  std::vector<std::size_t> counted;
  for (const auto& [contender, index] : last) counted.push_back(index);
  std::sort(counted.begin(), counted.end());
  return counted;
}

CountedRows choose_attempts(std::vector<TrialRecord> records) {
  std::unordered_set<std::string_view> ids;
  ids.reserve(records.size());
  for (const TrialRecord& record : records) ids.insert(record.id);
  if (ids.size() == records.size()) return {std::move(records), {}};  // no block was repeated

  std::map<const TrialRecord*, std::vector<std::size_t>, EarlierBlock> blocks;
  for (std::size_t i = 0; i < records.size(); ++i) blocks[&records[i]].push_back(i);
  std::vector<bool> counts(records.size(), false);
  for (const auto& [first, indices] : blocks) {
    std::vector<const TrialRecord*> rows;
    for (const std::size_t index : indices) rows.push_back(&records[index]);
    for (const std::size_t counted : counted_rows(rows)) counts[indices[counted]] = true;
  }
  CountedRows chosen;
  for (std::size_t i = 0; i < records.size(); ++i) {
    (counts[i] ? chosen.trials : chosen.replaced).push_back(std::move(records[i]));
  }
  return chosen;
}

}  // namespace inferbench
