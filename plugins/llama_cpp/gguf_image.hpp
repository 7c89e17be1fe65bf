// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ggml.h>

#include <cstdint>
#include <string>

#include "inferbench/backend.hpp"

namespace inferbench::llama_cpp {

/// A GGUF file in memory that llama.cpp can open by a path. Move-only.
class GgufImage {
 public:
  /// Writes a model with its matrices in `type` (vectors in F32), quantized by ggml. Reports progress up to 0.9. Throws
  /// Failure, IB_UNSUPPORTED where the type's blocks don't fit the rows or where llama.cpp has no graph for the model.
  GgufImage(const ib_model_desc& desc, ggml_type type, const HostCalls& host);
  GgufImage(const GgufImage&) = delete;
  GgufImage& operator=(const GgufImage&) = delete;
  ~GgufImage();

  /// Valid in this process as long as *this.
  std::string path() const;

 private:
  int fd_ = -1;
};

/// Bytes of a file's tensors, and of those that a decode step reads: all but the embedding tables, unless a table is
/// the head as well.
struct WeightBytes {
  std::uint64_t all = 0;
  std::uint64_t decode = 0;
};
WeightBytes weight_bytes(const std::string& path);

}  // namespace inferbench::llama_cpp
