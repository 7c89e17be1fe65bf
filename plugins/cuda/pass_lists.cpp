// SPDX-License-Identifier: Apache-2.0
#include "pass_lists.hpp"

#include <algorithm>
#include <cstring>

namespace inferbench::cuda_backend {
namespace {

// Segments of fewer rows attend row by row.
constexpr std::int32_t kFewestTiled = 8;

}  // namespace

PassLists::PassLists(std::int32_t max_rows)
    : n_(static_cast<std::size_t>(max_rows)), host_(size() * sizeof(std::int32_t)) {}

void PassLists::place(std::int32_t* lists) {
  if (lists == nullptr) return;
  rows_.tokens = lists;
  rows_.positions = lists + positions();
  rows_.slots = lists + slots();
  rows_.single_rows = lists + single_rows();
  rows_.output_rows = lists + output_rows();
  rows_.tiles = reinterpret_cast<QueryTile*>(lists + tiles());
}

void PassLists::fill(const PassPlan& plan, bool has_tiles) {
  auto* lists = host_.as<std::int32_t>();
  std::copy(plan.tokens().begin(), plan.tokens().end(), lists);
  std::copy(plan.positions().begin(), plan.positions().end(), lists + positions());
  std::copy(plan.output_rows().begin(), plan.output_rows().end(), lists + output_rows());
  rows_.n_rows = plan.n_rows();
  rows_.n_single = rows_.n_tiles = 0;
  for (const PassSegment& segment : plan.segments()) {
    for (std::int32_t i = 0; i < segment.n_rows; ++i) {
      lists[slots() + static_cast<std::size_t>(segment.first_row + i)] = segment.slot;
    }
    if (!has_tiles || segment.n_rows < kFewestTiled) {
      for (std::int32_t i = 0; i < segment.n_rows; ++i) {
        lists[single_rows() + static_cast<std::size_t>(rows_.n_single++)] = segment.first_row + i;
      }
      continue;
    }
    for (std::int32_t i = 0; i < segment.n_rows; i += kTileQueries) {
      const QueryTile tile{segment.first_row + i, std::min(kTileQueries, segment.n_rows - i),
                           segment.first_position + i, segment.slot};
      std::memcpy(lists + tiles() + static_cast<std::size_t>(rows_.n_tiles++) * sizeof tile / sizeof *lists, &tile,
                  sizeof tile);
    }
  }
}

}  // namespace inferbench::cuda_backend
