// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>

#include "plugin/backend.hpp"
#include "serve/engine.hpp"

namespace inferbench {

/// A session of a backend as the scheduler drives it. Throws BackendError, and keeps the first one: the scheduler turns
/// it into the text of a failed request.
class SessionEngine final : public Engine {
 public:
  SessionEngine(BackendSession session, std::int32_t vocab) : session_(std::move(session)), vocab_(vocab) {}

  void forward(std::span<const ib_sequence> sequences, std::span<std::int32_t> ids, std::span<float> logits) override {
    ib_forward_params params{};
    params.struct_size = sizeof(params);
    params.sequences = sequences.data();
    params.n_sequences = static_cast<std::int32_t>(sequences.size());
    params.ids = ids.empty() ? nullptr : ids.data();
    params.ids_capacity = ids.size();
    params.logits = logits.empty() ? nullptr : logits.data();
    params.logits_capacity = logits.size();
    ib_error error{};
    const ib_status status = session_.forward(params, error);
    if (status != IB_OK) fail(session_.failure("forward", status, error));
  }

  void truncate(std::int32_t slot, std::int32_t n_past) override {
    try {
      session_.truncate(slot, n_past);
    } catch (const BackendError& error) {
      fail(error);
    }
  }

  std::int32_t vocab() const override { return vocab_; }

  /// The first error; absent as long as there is none.
  const std::optional<BackendError>& failure() const { return failure_; }

 private:
  [[noreturn]] void fail(const BackendError& error) {
    if (!failure_) failure_ = error;
    throw error;
  }

  BackendSession session_;
  std::int32_t vocab_;
  std::optional<BackendError> failure_;
};

}  // namespace inferbench
