// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "inferbench/backend.h"

namespace inferbench {

/// What the scheduler drives: a session of a backend, or a simulation. One thread at a time.
class Engine {
 public:
  Engine() = default;
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Advances the sequences, which ask for IB_OUTPUT_NONE, IB_OUTPUT_GREEDY or IB_OUTPUT_LAST_LOGITS. `ids` has room
  /// for one id of each sequence that asks for one, `logits` for one row [vocab] of each that asks for logits, both in
  /// the order of the call. Throws an exception derived from std::exception on failure; then the slots of the call must
  /// be truncated.
  virtual void forward(std::span<const ib_sequence> sequences, std::span<std::int32_t> ids,
                       std::span<float> logits) = 0;

  /// Forgets what `slot` holds from position n_past on. Throws like forward; after that the engine is lost.
  virtual void truncate(std::int32_t slot, std::int32_t n_past) = 0;

  virtual std::int32_t vocab() const = 0;
};

}  // namespace inferbench
