// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "plugin/backend.hpp"
#include "worker/trial_runner.hpp"
#include "worker/window_judge.hpp"

namespace inferbench {

/// A contender in this very process: loads the model through the C ABI and runs trials on it. The backend's crash is
/// this process's crash; a timeout asks the backend to cancel. One thread at a time.
class LoadedContender : public TrialRunner {
 public:
  LoadedContender();
  ~LoadedContender() override;

  LoadOutcome load(const LoadRequest& request) override;
  TrialOutcome run(const TrialRequest& request) override;
  WindowOutcome judge_window(const WindowRequest& request) override;
  MarginOutcome measure_margin(const MarginRequest& request) override;
  void unload() override;
  bool loaded() const override { return model_.has_value(); }

 private:
  struct Deadline;
  struct SessionShape {
    std::int32_t slots = 0;
    std::int32_t max_tokens = 0;
    std::int32_t max_forward_tokens = 0;
    friend bool operator==(const SessionShape&, const SessionShape&) = default;
  };

  void load_model(const LoadRequest& request, LoadOutcome& outcome);
  void run_on_session(const TrialRequest& request, TrialOutcome& outcome);
  /// An empty session of the shape: the last trial's where that fits.
  const BackendSession& session_for(const SessionShape& shape);

  std::unique_ptr<Deadline> deadline_;
  std::optional<BackendModel> model_;
  std::optional<BackendSession> session_;
  SessionShape shape_;
  std::optional<LoadRequest> request_;  ///< what model_ was loaded for
  std::unique_ptr<WindowJudge> judge_;
  std::int32_t threads_ = 1;
  std::int32_t trials_since_load_ = 0;
};

}  // namespace inferbench
