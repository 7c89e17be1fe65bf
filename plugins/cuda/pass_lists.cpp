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
    : n_(static_cast<std::size_t>(max_rows)), host_(most_size() * sizeof(std::int32_t)) {}

void PassLists::begin(std::int32_t n_rows, const ListPlaces& places) {
  rows_ = {};
  rows_.tokens = device_;
  rows_.positions = device_ + places.positions;
  rows_.slots = device_ + places.slots;
  rows_.single_rows = device_ + places.single_rows;
  rows_.output_rows = device_ + places.output_rows;
  rows_.tiles = reinterpret_cast<QueryTile*>(device_ + places.tiles);
  rows_.contexts = reinterpret_cast<CodedContext*>(device_ + places.contexts);
  rows_.n_rows = n_rows;
}

void PassLists::fill(const PassPlan& plan, std::int32_t tile_queries, std::int32_t expanded_positions) {
  const ListPlaces places(static_cast<std::size_t>(plan.n_rows()));
  begin(plan.n_rows(), places);
  auto* lists = host_.as<std::int32_t>();
  std::copy(plan.tokens().begin(), plan.tokens().end(), lists);
  std::copy(plan.positions().begin(), plan.positions().end(), lists + places.positions);
  std::copy(plan.output_rows().begin(), plan.output_rows().end(), lists + places.output_rows);
  rows_.tile_queries = tile_queries;
  rows_.all_expanded = true;
  ExpandedRoom room(expanded_positions);
  for (const PassSegment& segment : plan.segments()) {
    for (std::int32_t i = 0; i < segment.n_rows; ++i) {
      lists[places.slots + static_cast<std::size_t>(segment.first_row + i)] = segment.slot;
    }
    if (tile_queries == 0 || segment.n_rows < ListPlaces::kFewestTiled) {
      for (std::int32_t i = 0; i < segment.n_rows; ++i) {
        lists[places.single_rows + static_cast<std::size_t>(rows_.n_single++)] = segment.first_row + i;
      }
      continue;
    }
    const std::int32_t n_positions = segment.first_position + segment.n_rows;
    const std::int32_t expanded = room.take(segment.n_rows, n_positions);
    if (expanded >= 0) {
      store(lists + places.contexts, rows_.n_contexts++,
            CodedContext{segment.slot, n_positions, segment.first_position, expanded});
    }
    rows_.all_expanded = rows_.all_expanded && expanded >= 0;
    for (std::int32_t i = 0; i < segment.n_rows; i += tile_queries) {
      store(lists + places.tiles, rows_.n_tiles++,
            QueryTile{segment.first_row + i, std::min(tile_queries, segment.n_rows - i), segment.first_position + i,
                      segment.slot, expanded});
    }
  }
}

}  // namespace inferbench::cuda_backend
