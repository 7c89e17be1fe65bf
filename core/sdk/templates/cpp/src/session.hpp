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
  void run_token(std::int32_t slot, std::int32_t position, std::int32_t token);
  void embed(std::int32_t position, std::int32_t token);
  void attention_block(std::size_t layer, std::int32_t slot, std::int32_t position);
  void prepare_heads(std::span<float> heads, const Norm& norm, std::int32_t rotary_table, std::int32_t position) const;
  void mlp_block(const Layer& layer);
  void normalize(const Norm& norm);
  void add_to_residual(const Norm& post_norm);
  void write_output(const inferbench::PassOutput& output, const ib_forward_params& params);
  std::size_t cache_offset(std::size_t layer, std::int32_t slot) const;

  const Model& model_;
  inferbench::SlotLengths lengths_;
  inferbench::PassPlan plan_;
  std::vector<float> keys_;    // [n_slots, n_layers, max_tokens, n_kv_heads * head_dim]
  std::vector<float> values_;  // the same

  // Of the token at hand.
  std::vector<float> x_;         // [hidden_size]: the residual stream
  std::vector<float> normed_;    // [hidden_size]
  std::vector<float> queries_;   // [n_heads * head_dim]
  std::vector<float> attended_;  // [n_heads * head_dim]
  std::vector<float> gate_;      // [intermediate_size]
  std::vector<float> up_;        // [intermediate_size]
  std::vector<float> result_;    // [hidden_size]: of attention or MLP, to be added to x
  std::vector<double> scores_;   // [max_tokens]: attention of one head
  std::vector<float> logits_;    // [vocab_size], for IB_OUTPUT_GREEDY
  ib_session_info info_{};
};
