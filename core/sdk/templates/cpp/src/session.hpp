// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "model.hpp"

/// KV caches and work space; runs one token at a time. Throws inferbench::Failure.
class Session {
 public:
  Session(Model& model, const ib_session_params& params);
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t n_past);

 private:
  void write_output(const ib_forward_params& params);
  void run_token(std::int32_t slot, std::int32_t position, std::int32_t token);
  void attention_block(std::size_t layer, std::int32_t slot, std::int32_t position);
  void mlp_block(const Layer& layer);
  void add_to_residual();
  std::size_t cache_offset(std::size_t layer, std::int32_t slot) const;

  const Model& model_;
  inferbench::SlotLengths lengths_;
  inferbench::PassPlan plan_;
  std::vector<float> keys_;    // [n_slots, n_layers, max_tokens, width]
  std::vector<float> values_;  // the same

  // Of the token at hand.
  std::vector<float> x_;         // [width]: the residual stream
  std::vector<float> normed_;    // [width]
  std::vector<float> query_;     // [width]
  std::vector<float> attended_;  // [width]
  std::vector<float> hidden_;    // [inner]
  std::vector<double> sums_;     // [max(3 width, inner)]
  std::vector<double> weights_;  // [max_tokens]: attention of one head
  std::vector<float> logits_;    // [vocab], for IB_OUTPUT_GREEDY
  ib_session_info info_{};
};
