// SPDX-License-Identifier: Apache-2.0
#include "engine/batch.hpp"

#include <algorithm>

namespace inferbench::cpu_quant {
namespace {

constexpr std::int32_t kFewestTileRows = 16;  // and tiles are multiples of it: register tiles take up to 32
constexpr std::int32_t kTilesPerThread = 3;

}  // namespace

Batch::Batch(const SessionLimits& limits, std::int32_t max_rows, const QueryTiling& tiling)
    : pass_(limits, max_rows), tiling_(tiling) {
  const auto segments = static_cast<std::size_t>(pass_.max_greedy());  // one per slot at most
  const auto rows = static_cast<std::size_t>(pass_.max_rows());
  query_tiles_.reserve(segments + rows / kFewestTileRows + 1);
  output_tiles_.reserve(rows);
}

bool Batch::next() {
  if (!pass_.next()) return false;
  plan_attention();
  return true;
}

void Batch::begin_rows(std::int32_t n_rows, std::int32_t past) {
  pass_.begin_rows(n_rows, past);
  plan_attention();
}

/// Large tiles read keys and values less often, but there must be enough for all threads.
std::int32_t Batch::tile_rows() const {
  const auto enough =
      static_cast<std::int32_t>(std::int64_t{pass_.n_rows()} * tiling_.n_heads / (kTilesPerThread * tiling_.n_threads));
  return std::min(tiling_.most_rows, static_cast<std::int32_t>(round_up(std::max(enough, 1), kFewestTileRows)));
}

void Batch::plan_attention() {
  const std::int32_t most = tile_rows();
  const auto segments = pass_.segments();
  query_tiles_.clear();
  appends_first_ = false;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    const std::int32_t rows = segments[s].n_rows;
    appends_first_ |= rows > most;
    for (std::int32_t row = 0; row < rows; row += most) {
      query_tiles_.push_back({static_cast<std::int32_t>(s), row, std::min(most, rows - row)});
    }
  }
  const auto keys = [segments](const QueryTile& tile) {
    return segments[static_cast<std::size_t>(tile.segment)].first_position + tile.first_row + tile.n_rows;
  };
  std::sort(query_tiles_.begin(), query_tiles_.end(),
            [&](const QueryTile& a, const QueryTile& b) { return keys(a) > keys(b); });

  output_tiles_.clear();
  if (!outputs_few()) return;
  std::int32_t segment = 0;
  for (const std::int32_t row : pass_.output_rows()) {
    while (segments[static_cast<std::size_t>(segment)].first_row + segments[static_cast<std::size_t>(segment)].n_rows <=
           row) {
      ++segment;
    }
    output_tiles_.push_back({segment, row - segments[static_cast<std::size_t>(segment)].first_row, 1});
  }
}

}  // namespace inferbench::cpu_quant
