// SPDX-License-Identifier: Apache-2.0
#include "pass_lists.hpp"

#include <algorithm>
#include <cstring>

namespace inferbench::cuda_backend {
namespace {

template <typename Entry>
void store(std::int32_t* list, std::int32_t index, const Entry& entry) {
  std::memcpy(list + static_cast<std::size_t>(index) * sizeof entry / sizeof *list, &entry, sizeof entry);
}

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
  rows_.contexts = reinterpret_cast<CodedContext*>(lists + contexts());
}

void PassLists::fill(const PassPlan& plan, std::int32_t tile_queries, std::int32_t expanded_positions) {
  auto* lists = host_.as<std::int32_t>();
  std::copy(plan.tokens().begin(), plan.tokens().end(), lists);
  std::copy(plan.positions().begin(), plan.positions().end(), lists + positions());
  std::copy(plan.output_rows().begin(), plan.output_rows().end(), lists + output_rows());
  rows_.n_rows = plan.n_rows();
  rows_.tile_queries = tile_queries;
  rows_.n_single = rows_.n_tiles = rows_.n_contexts = 0;
  rows_.all_expanded = true;
  ExpandedRoom room(expanded_positions);
  for (const PassSegment& segment : plan.segments()) {
    for (std::int32_t i = 0; i < segment.n_rows; ++i) {
      lists[slots() + static_cast<std::size_t>(segment.first_row + i)] = segment.slot;
    }
    if (tile_queries == 0 || segment.n_rows < kFewestTiled) {
      for (std::int32_t i = 0; i < segment.n_rows; ++i) {
        lists[single_rows() + static_cast<std::size_t>(rows_.n_single++)] = segment.first_row + i;
      }
      continue;
    }
    const std::int32_t n_positions = segment.first_position + segment.n_rows;
    const std::int32_t expanded = room.take(segment.n_rows, n_positions);
    if (expanded >= 0) {
      store(lists + contexts(), rows_.n_contexts++,
            CodedContext{segment.slot, n_positions, segment.first_position, expanded});
    }
    rows_.all_expanded = rows_.all_expanded && expanded >= 0;
    for (std::int32_t i = 0; i < segment.n_rows; i += tile_queries) {
      store(lists + tiles(), rows_.n_tiles++,
            QueryTile{segment.first_row + i, std::min(tile_queries, segment.n_rows - i), segment.first_position + i,
                      segment.slot, expanded});
    }
  }
}

}  // namespace inferbench::cuda_backend
