// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "device_memory.hpp"
#include "fused_pass.hpp"
#include "host_ids.hpp"
#include "model.hpp"
#include "rows_pass.hpp"
#include "step.hpp"

namespace inferbench::cuda_backend {

/// KV caches, and the way of a call to the device: as a step, or as passes of rows. Throws Failure, std::bad_alloc.
class Session {
 public:
  Session(Model& model, const ib_session_params& params);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params);
  void truncate(std::int32_t slot, std::int32_t n_past);

 private:
  void create_cache();
  void create_step();
  void create_fused_pass();
  const StepPlan& step_plan(std::int32_t n_rows) const { return step_plans_[n_rows == 1 ? 0 : 1]; }
  bool is_step(const ib_forward_params& params) const;
  void run_step(const ib_forward_params& params);
  void copy_step_logits(const ib_forward_params& params);

  const Model& model_;
  SlotLengths lengths_;
  PassPlan plan_;
  DeviceBuffer cache_memory_;
  KvCache cache_{};
  DeviceBuffer step_memory_;
  HostIds step_ids_;
  StepPlan step_plans_[2]{};  ///< for one row, for several
  StepArguments step_{};      ///< what stays the same from step to step is set
  RowsPass rows_;
  std::optional<FusedPass> fused_;  ///< where the model and the GPU allow it
  ib_session_info info_{};
};

}  // namespace inferbench::cuda_backend
