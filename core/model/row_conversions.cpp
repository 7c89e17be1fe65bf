// SPDX-License-Identifier: Apache-2.0
#include "model/row_conversions.hpp"

#include <algorithm>
#include <utility>

#include "model/run_in_parallel.hpp"

namespace inferbench {
namespace {

constexpr std::size_t kBytesPerTask = std::size_t{1} << 20U;

}  // namespace

std::size_t RowConversions::add(std::int64_t rows, std::size_t row_bytes, Convert convert) {
  parts_.push_back({rows, row_bytes, n_bytes_, std::move(convert)});
  n_bytes_ += AnonymousMemory::padded(static_cast<std::size_t>(rows) * row_bytes);
  return parts_.size() - 1;
}

void RowConversions::run() {
  memory_.emplace(n_bytes_, "converted weights", "use a smaller model, or close other programs");
  struct Task {
    const Part* part;
    std::int64_t first;
    std::int64_t end;
  };
  std::vector<Task> tasks;
  for (const Part& part : parts_) {
    const auto step = static_cast<std::int64_t>(std::max<std::size_t>(1, kBytesPerTask / part.row_bytes));
    for (std::int64_t row = 0; row < part.rows; row += step) {
      tasks.push_back({&part, row, std::min(row + step, part.rows)});
    }
  }
  run_in_parallel(tasks.size(), [&](std::size_t i) {
    const auto& [part, first, end] = tasks[i];
    std::byte* out = memory_->data() + part->begin;
    for (std::int64_t row = first; row < end; ++row)
      part->convert(row, out + static_cast<std::size_t>(row) * part->row_bytes);
  });
}

}  // namespace inferbench
