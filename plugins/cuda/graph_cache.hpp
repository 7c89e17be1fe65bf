// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

namespace inferbench::cuda_backend {

/// Launches that are made again and again with the same parameters, as CUDA graphs: one launch instead of many. A shape
/// is captured behind its first pass, while the device works on that.
class GraphCache {
 public:
  using Shape = std::array<std::int32_t, 7>;

  GraphCache() = default;
  ~GraphCache();
  GraphCache(const GraphCache&) = delete;
  GraphCache& operator=(const GraphCache&) = delete;

  /// Does what `launch` does on `stream`. For the same shape, `launch` must always do the same.
  void run(const Shape& shape, cudaStream_t stream, const std::function<void()>& launch);

 private:
  struct Entry {
    Shape shape;
    cudaGraphExec_t graph;  ///< null: it could not be made
  };
  static cudaGraphExec_t capture(cudaStream_t stream, const std::function<void()>& launch);

  std::vector<Entry> entries_;  ///< the latest last
};

}  // namespace inferbench::cuda_backend
