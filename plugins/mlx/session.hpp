// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <optional>
#include <span>

#include "attention.hpp"
#include "model.hpp"

namespace inferbench::mlx_backend {

/// KV caches, and the passes of a call through the layers. Throws Failure, std::bad_alloc.
class Session {
 public:
  Session(Model& model, const ib_session_params& params);
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t n_past);

 private:
  mx::array run_pass();
  void write_output(const ib_forward_params& params, const mx::array& x);
  void write_alike(std::span<const PassOutput> outputs, const mx::array& normed, const ib_forward_params& params) const;
  std::uint64_t scratch_bytes() const;

  const Model& model_;
  SlotLengths lengths_;
  PassPlan plan_;
  std::optional<Attention> attention_;
  ib_session_info info_{};
};

}  // namespace inferbench::mlx_backend
