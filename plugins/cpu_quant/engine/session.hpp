// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/batch.hpp"
#include "engine/forward.hpp"
#include "engine/kv_cache.hpp"
#include "engine/model.hpp"

namespace inferbench::cpu_quant {

/// Sequences in progress: their caches, how many tokens each holds, and the scratch memory to advance them.
class Session {
 public:
  /// Allocates all that forward needs. Throws Failure and std::bad_alloc.
  Session(const Model& model, const ib_session_params& params);

  /// As the ABI's forward says. Throws Failure. The lengths change only when all went well.
  void forward(const ib_forward_params& params);
  /// As the ABI's session_truncate says. Throws Failure.
  void truncate(std::int32_t slot, std::int32_t n_past);

  const ib_session_info& info() const;
  Profile& profile() { return pass_.profile(); }

 private:
  const Model& model_;
  SlotLengths lengths_;
  KvCache cache_;
  Batch batch_;
  ForwardPass pass_;
  mutable ib_session_info info_{};
};

}  // namespace inferbench::cpu_quant
