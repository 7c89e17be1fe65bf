// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <vector>

#include "attention.hpp"
#include "model.hpp"
#include "product.hpp"

namespace inferbench::onednn {

/// KV caches, work space and the primitives made so far. Throws Failure, dnnl::error, std::bad_alloc.
class Session {
 public:
  Session(Model& model, const ib_session_params& params);
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t n_past);

 private:
  /// The next tokens of a call, at most max_rows_ of them; false at the end.
  bool next_pass(const ib_forward_params& params);
  void run_pass();
  void write_output(const ib_forward_params& params);
  void layer_norm(const LayerNorm& norm, const float* x, std::int64_t rows, float* y);

  const Model& model_;
  SessionLimits limits_;
  std::vector<std::int32_t> held_;  // tokens per slot
  std::int64_t max_rows_;
  Attention attention_;
  Products products_;
  std::map<std::int64_t, dnnl::layer_normalization_forward> norms_;  // by rows

  std::vector<Segment> segments_;      // of the present pass
  std::vector<std::int64_t> endings_;  // of the present pass: rows that end a sequence
  std::int64_t n_rows_ = 0;            // of the present pass
  std::int64_t rows_before_ = 0;       // of the call, before the present pass
  std::int64_t endings_before_ = 0;
  std::int64_t sequence_ = 0;  // where the next pass begins
  std::int64_t token_ = 0;

  std::vector<float> x_;       // [rows, width] the residual stream
  std::vector<float> normed_;  // [rows, width]
  std::vector<float> qkv_;     // [rows, 3 width]
  std::vector<float> hidden_;  // [rows, inner]
  std::vector<float> logits_;  // [slots, vocab], for greedy
  ib_session_info info_{};
};

}  // namespace inferbench::onednn
