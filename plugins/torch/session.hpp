// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>

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
  void run_passes(const ib_forward_params& params);
  at::Tensor run_pass();
  void write_output(const ib_forward_params& params, const at::Tensor& x);
  void write_alike(std::span<const PassOutput> outputs, const at::Tensor& normed,
                   const ib_forward_params& params) const;
  std::uint64_t scratch_bytes() const;
  void report_device_memory(std::uint64_t used_before);
  at::Tensor on_device(std::span<const std::int32_t> values) const;

  const Model& model_;
  ReleaseAtEnd release_;
  SlotLengths lengths_;
  PassPlan plan_;
  std::unique_ptr<Attention> attention_;
  std::uint64_t most_scratch_ = 0;  ///< that a call took on a GPU
  ib_session_info info_{};
};

}  // namespace inferbench::torch_backend
