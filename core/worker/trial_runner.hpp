// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "measure/outcome.hpp"
#include "worker/quality_requests.hpp"
#include "worker/requests.hpp"

namespace inferbench {

/// One contender, in this process or another: the boundary between the sweep and the backend. These functions don't
/// throw because of a backend: its errors become a status and a line of text.
class TrialRunner {
 public:
  TrialRunner() = default;
  virtual ~TrialRunner() = default;
  TrialRunner(const TrialRunner&) = delete;
  TrialRunner& operator=(const TrialRunner&) = delete;

  /// Replaces the loaded model.
  virtual LoadOutcome load(const LoadRequest& request) = 0;

  /// Needs a loaded model. After a failure that lost the model (a crash, a hang), loaded() is false.
  virtual TrialOutcome run(const TrialRequest& request) = 0;

  /// Compares the loaded model with a reference on one window. Otherwise like run.
  virtual WindowOutcome judge_window(const WindowRequest& request) = 0;

  /// Measures how clearly the loaded model prefers one token to another. Otherwise like run.
  virtual MarginOutcome measure_margin(const MarginRequest& request) = 0;

  /// Frees the model and its memory; does nothing if none is loaded.
  virtual void unload() = 0;

  /// One line that says what went wrong when the backend was torn down (session_destroy, model_destroy, shutdown, the
  /// process's exit). Empty if nothing did, and when called again.
  virtual std::string take_teardown_fault() { return {}; }

  virtual bool loaded() const = 0;
};

/// The start of the error if the kernel killed the worker for lack of memory.
inline constexpr const char* kKilledByKernel = "killed by the kernel: ";

using RunnerFactory = std::function<std::unique_ptr<TrialRunner>()>;

}  // namespace inferbench
