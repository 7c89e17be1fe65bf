// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "plugin/backend.hpp"
#include "quality/window_runner.hpp"
#include "worker/quality_requests.hpp"
#include "worker/requests.hpp"

namespace inferbench {

/// Judges windows of a loaded model against a reference backend, which it loads too. Use from one thread at a time.
class WindowJudge {
 public:
  /// `load`: the request that loaded `tested`; the reference gets the same model and threads.
  WindowJudge(BackendModel tested, const LoadRequest& load, const std::string& reference, HostCallbacks callbacks);

  /// Throws BackendError or Error.
  WindowAgreement judge(const WindowRequest& request);

  const std::string& reference() const { return reference_path_; }

 private:
  std::string reference_path_;
  std::int32_t threads_;
  BackendModel tested_;
  BackendModel reference_;
  std::unique_ptr<WindowRunner> runner_;
  std::int32_t runner_tokens_ = 0;
};

/// The logit of `own` minus that of `other` after the request's ids, and the standard deviation of all logits there.
/// Throws BackendError, or Error if an id is not in the model's vocabulary.
MarginOutcome measure_margin(const BackendModel& model, const MarginRequest& request);

}  // namespace inferbench
