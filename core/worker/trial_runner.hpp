// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "measure/outcome.hpp"
#include "worker/quality_requests.hpp"
#include "worker/requests.hpp"

namespace inferbench {

/// One contender, wherever it runs: the border between the sweep and the backend. Nothing that the backend does comes
/// out of these functions as an exception: it is a status and a line of text.
class TrialRunner {
 public:
  TrialRunner() = default;
  virtual ~TrialRunner() = default;
  TrialRunner(const TrialRunner&) = delete;
  TrialRunner& operator=(const TrialRunner&) = delete;

  /// Replaces whatever was loaded.
  virtual LoadOutcome load(const LoadRequest& request) = 0;

  /// Needs a loaded model. After an outcome that cost the model (a crash, a hang), loaded() is false.
  virtual TrialOutcome run(const TrialRequest& request) = 0;

  /// Compares the loaded model with a reference on one window. As for run.
  virtual WindowOutcome judge_window(const WindowRequest& request) = 0;

  /// How clearly the loaded model prefers one token to another. As for run.
  virtual MarginOutcome measure_margin(const MarginRequest& request) = 0;

  /// Frees the model and its memory; nothing if none is loaded.
  virtual void unload() = 0;

  /// What went wrong when the backend was taken down (session_destroy, model_destroy, shutdown, the process's exit), as
  /// one line; empty where nothing did, and when asked again.
  virtual std::string take_teardown_fault() { return {}; }

  virtual bool loaded() const = 0;
};

/// How the error of a worker begins that the kernel killed for want of memory.
inline constexpr const char* kKilledByKernel = "killed by the kernel: ";

using RunnerFactory = std::function<std::unique_ptr<TrialRunner>()>;

}  // namespace inferbench
