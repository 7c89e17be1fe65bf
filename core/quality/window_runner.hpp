// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "plugin/backend.hpp"
#include "quality/window.hpp"
#include "quality/window_agreement.hpp"

namespace inferbench {

/// Feeds windows of tokens to a backend, and optionally to a reference, and judges every prediction. The window ids[0
/// .. n] predicts ids[1 .. n] from ids[0 .. n - 1] with an empty cache. Logits are judged and dropped a few megabytes
/// at a time, so that memory does not depend on the number or length of windows. Use from one thread at a time.
class WindowRunner {
 public:
  /// `reference`: a model with the same vocabulary, or none. `max_tokens`: n of the longest window, at most the
  /// context. `batch`: windows per call. `threads`: number of threads that judge. Throws BackendError.
  WindowRunner(const BackendModel& tested, const std::optional<BackendModel>& reference, std::int32_t max_tokens,
               std::int32_t batch, std::int32_t threads);

  /// At most `batch` windows, each of 2 to max_tokens + 1 ids. Returns one result per window, in order. Throws
  /// BackendError, or Error if the reference's logits are not finite.
  std::vector<WindowAgreement> run(std::span<const Window> windows);

 private:
  struct Side {
    BackendSession session;
    const char* role;
    std::vector<float> logits;
  };

  /// The tokens of one window in the current step.
  struct WindowChunk {
    std::size_t window = 0;
    std::size_t begin = 0;
    std::size_t n = 0;
  };

  Side make_side(const BackendModel& model, const char* role) const;
  void forward(Side& side, std::span<const Window> windows, std::span<const WindowChunk> chunks) const;
  void judge(std::span<const Window> windows, std::span<const WindowChunk> chunks);

  std::size_t vocab_;
  std::int32_t max_tokens_;
  std::int32_t batch_;
  std::size_t threads_;
  std::size_t chunk_;  ///< tokens per window and call
  Side tested_;
  std::optional<Side> reference_;
  std::vector<WindowAgreement> results_;
};

}  // namespace inferbench
