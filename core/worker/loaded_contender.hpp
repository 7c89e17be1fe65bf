// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "measure/resources.hpp"
#include "measure/trial.hpp"
#include "measure/trial_counters.hpp"
#include "plugin/backend.hpp"
#include "text/tokenizer.hpp"
#include "worker/trial_runner.hpp"
#include "worker/window_judge.hpp"

namespace inferbench {

/// A contender in this process: loads the model through the C ABI and runs trials on it. If the backend crashes, this
/// process crashes; at a timeout the backend is asked to cancel. Use from one thread at a time.
class LoadedContender : public TrialRunner {
 public:
  /// `clear_refs`: see PeakWatch.
  explicit LoadedContender(std::string clear_refs = "/proc/self/clear_refs", CounterPlaces places = {});
  ~LoadedContender() override;

  LoadOutcome load(const LoadRequest& request) override;
  TrialOutcome run(const TrialRequest& request) override;
  WindowOutcome judge_window(const WindowRequest& request) override;
  MarginOutcome measure_margin(const MarginRequest& request) override;
  void unload() override;
  bool loaded() const override { return model_.has_value(); }

  /// See HostCallbacks::teardown; applies to models loaded from now on.
  void observe_teardown(std::function<void(std::string_view, std::string_view)> observer) {
    teardown_ = std::move(observer);
  }

 private:
  struct Deadline;
  struct SessionShape {
    std::int32_t slots = 0;
    std::int32_t max_tokens = 0;
    std::int32_t max_forward_tokens = 0;
    friend bool operator==(const SessionShape&, const SessionShape&) = default;
  };

  HostCallbacks callbacks() const;
  void load_model(const LoadRequest& request, LoadOutcome& outcome);
  /// Everything before the timed part: the loop's memory, and a session whose slots hold the past.
  void prepare(const TrialRequest& request, const SessionShape& shape, std::optional<TrialLoop>& loop);
  void prepare_scenario(const TrialRequest& request, const SessionShape& shape);
  /// The measured part, on the session from `prepare`. Fills `loop` for check_output.
  void run_measured(const TrialRequest& request, TrialLoop& loop, DeviceWatch* watch, TrialOutcome& outcome);
  /// The measured part of a scenario, on a session of this shape.
  void run_scenario(const TrialRequest& request, const SessionShape& shape, DeviceWatch* watch, TrialOutcome& outcome);
  void set_session_memory(TrialOutcome& outcome) const;
  SessionShape shape_of(const TrialRequest& request) const;
  void check_output(const TrialRequest& request, const TrialLoop& loop, TrialOutcome& outcome) const;
  void check_logits(const TrialLoop& loop) const;
  /// Frees the session of the last trial if its shape differs.
  void drop_session_unless(const SessionShape& shape);
  /// An empty session of this shape; reuses the last trial's session if there is one.
  const BackendSession& session_for(const SessionShape& shape);
  void set_memory(const PeakWatch& peak, TrialOutcome& outcome) const;

  std::string clear_refs_;
  CounterPlaces places_;
  std::optional<TrialCounters> counters_;  ///< of the loaded model's device
  std::unique_ptr<Deadline> deadline_;
  std::function<void(std::string_view, std::string_view)> teardown_;
  std::optional<BackendModel> model_;
  std::unique_ptr<BackendSession> session_;
  SessionShape shape_;
  std::optional<LoadRequest> request_;  ///< the request that loaded model_
  std::optional<Tokenizer> tokenizer_;  ///< the model's, once texts have been delivered
  std::unique_ptr<WindowJudge> judge_;
  std::int32_t threads_ = 1;
  std::int32_t trials_since_load_ = 0;
  std::optional<std::uint64_t> loaded_bytes_;  ///< anonymous memory of the process right after the model was loaded
  std::uint64_t kept_bytes_ = 0;               ///< how much more it was after the previous session was freed
};

}  // namespace inferbench
