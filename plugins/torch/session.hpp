// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "attention.hpp"
#include "model.hpp"

namespace inferbench::torch_backend {

/// KV caches, and the passes of a call through the layers. Throws Failure, std::bad_alloc.
class Session {
 public:
  Session(Model& model, const ib_session_params& params);
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t n_past);

 private:
  /// The next tokens of a call, at most max_rows_ of them; false at the end.
  bool next_pass(const ib_forward_params& params);
  at::Tensor run_pass();
  void write_output(const ib_forward_params& params, const at::Tensor& x);
  at::Tensor logits(const at::Tensor& x) const;
  std::uint64_t scratch_bytes() const;

  const Model& model_;
  SessionLimits limits_;
  std::vector<std::int32_t> held_;  // tokens per slot
  std::int64_t max_rows_;
  std::optional<Attention> attention_;

  std::vector<std::int32_t> tokens_;     // of the present pass
  std::vector<std::int32_t> positions_;  // of the present pass
  std::vector<Segment> segments_;        // of the present pass
  std::vector<std::int32_t> endings_;    // of the present pass: rows that end a sequence
  std::int64_t rows_before_ = 0;         // of the call, before the present pass
  std::int64_t endings_before_ = 0;
  std::int64_t sequence_ = 0;  // where the next pass begins
  std::int64_t token_ = 0;
  ib_session_info info_{};
};

}  // namespace inferbench::torch_backend
