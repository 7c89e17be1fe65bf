// SPDX-License-Identifier: Apache-2.0
#include "graph_cache.hpp"

#include <algorithm>

#include "cuda_call.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr std::size_t kMostGraphs = 16;

void destroy(cudaGraphExec_t graph) {
  if (graph != nullptr) cudaGraphExecDestroy(graph);
}

}  // namespace

GraphCache::~GraphCache() {
  for (const Entry& entry : entries_) destroy(entry.graph);
}

void GraphCache::run(const Shape& shape, cudaStream_t stream, const std::function<void()>& launch) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.shape == shape; });
  if (found == entries_.end()) {
    if (entries_.size() == kMostGraphs) {
      destroy(entries_.front().graph);
      entries_.erase(entries_.begin());
    }
    launch();  // also loads the kernels, which a capture must not do
    entries_.push_back({shape, capture(stream, launch)});
    return;
  }
  std::rotate(found, found + 1, entries_.end());
  if (entries_.back().graph == nullptr) return launch();
  check(cudaGraphLaunch(entries_.back().graph, stream), "launching a graph");
}

// Graphs only save time: where the driver refuses one, its launches are made one by one.
cudaGraphExec_t GraphCache::capture(cudaStream_t stream, const std::function<void()>& launch) {
  cudaGraphExec_t executable = nullptr;
  cudaGraph_t graph = nullptr;
  bool is_whole = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess;
  if (is_whole) {
    try {
      launch();
    } catch (const Failure&) {
      is_whole = false;
    }
    is_whole = cudaStreamEndCapture(stream, &graph) == cudaSuccess && is_whole;
  }
  if (is_whole && cudaGraphInstantiate(&executable, graph, 0) != cudaSuccess) executable = nullptr;
  if (graph != nullptr) cudaGraphDestroy(graph);
  // Else the first launch would do it, which is of a pass that somebody waits for.
  if (executable != nullptr) cudaGraphUpload(executable, stream);
  cudaGetLastError();  // an error of a capture is no error of the pass
  return executable;
}

}  // namespace inferbench::cuda_backend
