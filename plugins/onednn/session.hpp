// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
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
  void run_pass();
  void write_output(const ib_forward_params& params);
  void write_alike(std::span<const PassOutput> outputs, const float* normed, const ib_forward_params& params);

  const Model& model_;
  SlotLengths lengths_;
  PassPlan plan_;
  LayerPass pass_;
  std::vector<float> logits_;  // [output rows, vocab_size], for greedy
  ib_session_info info_{};
};

}  // namespace inferbench::onednn
