// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "device_memory.hpp"
#include "inferbench/pass_plan.hpp"
#include "rows.hpp"

namespace inferbench::cuda_backend {

/// The lists of a pass, made in memory of the host that the device can read.
class PassLists {
 public:
  explicit PassLists(std::int32_t max_rows);

  /// 32-bit integers of all lists of a pass of `max_rows`.
  std::size_t most_size() const { return ListPlaces(n_).end; }
  /// The same of the present pass.
  std::size_t size() const { return ListPlaces(static_cast<std::size_t>(rows_.n_rows)).end; }
  /// Where the device will have them.
  void place(std::int32_t* lists) { device_ = lists; }
  /// `tile_queries`: of attention by tiles, which takes segments of at least 8 rows; 0: there is none.
  /// `expanded_positions`: room for 16-bit copies of 8-bit keys and values, given to long segments in turn.
  void fill(const PassPlan& plan, std::int32_t tile_queries, std::int32_t expanded_positions);

  const std::int32_t* host() const { return host_.as<std::int32_t>(); }
  std::int32_t* device() const { return device_; }
  /// Pointers to memory of the device: where they are depends on the number of rows alone.
  const RowList& rows() const { return rows_; }

 private:
  void begin(std::int32_t n_rows, const ListPlaces& places);

  std::size_t n_;
  HostBuffer host_;
  std::int32_t* device_ = nullptr;
  RowList rows_{};
};

}  // namespace inferbench::cuda_backend
