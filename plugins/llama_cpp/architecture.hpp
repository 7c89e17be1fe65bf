// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gguf.h>

#include <cstdint>
#include <vector>

#include "inferbench/backend.hpp"

namespace inferbench::llama_cpp {

/// One of llama.cpp's graphs, and what a model must be changed by to fit it.
struct Architecture {
  const char* name;                      ///< "llama"
  bool interleaved_rotary = false;       ///< rows of queries and keys are in the order of neighbours
  bool fused_qkv = false;                ///< query, key and value are one tensor
  std::vector<float> frequency_factors;  ///< [head_dim / 2], what frequencies are divided by; empty: 1
  std::vector<float> query_factors;      ///< [n_layers], for the queries: the scale of attention by the graph's own
};

/// The graph for these numbers, and its metadata in `metadata`. Throws Failure(IB_UNSUPPORTED) that says what no graph
/// has.
Architecture choose_architecture(const ib_model_desc& desc, gguf_context* metadata);

/// The layers whose sliding window is shorter than the longest sequence.
std::int32_t count_window_layers(const ib_model_desc& desc);

}  // namespace inferbench::llama_cpp
