// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "layer_pass.hpp"
#include "model.hpp"

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

  const Model& model_;
  SessionLimits limits_;
  std::vector<std::int32_t> held_;  // tokens per slot
  std::int64_t max_rows_;
  LayerPass pass_;

  std::vector<Segment> segments_;      // of the present pass
  std::vector<std::int64_t> endings_;  // of the present pass: rows that end a sequence
  std::int64_t n_rows_ = 0;            // of the present pass
  std::int64_t rows_before_ = 0;       // of the call, before the present pass
  std::int64_t endings_before_ = 0;
  std::int64_t sequence_ = 0;  // where the next pass begins
  std::int64_t token_ = 0;

  std::vector<float> logits_;  // [slots, vocab], for greedy
  ib_session_info info_{};
};

}  // namespace inferbench::onednn
