// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "measure/cgroup.hpp"
#include "ops/operator_outcome.hpp"
#include "worker/trial_runner.hpp"

namespace inferbench {

class ChildProcess;
class FrameBuffer;

/// How long a worker may take to end, backend and all. A backend that once did not come back from its shutdown is
/// waited for only shortly from then on, by all runners that share this.
class TeardownPatience {
 public:
  double seconds_for(const std::string& plugin) const;
  void lost_with(const std::string& plugin) { lost_.insert(plugin); }

 private:
  std::set<std::string> lost_;  ///< paths of libraries
};

/// A contender, or a single operator of one, in a worker process of its own, started anew for each load. Whatever the
/// worker does (crash, exit, hang, flood its output, send garbage, use up memory) becomes an outcome; afterwards the
/// worker is gone, and loaded() false.
class ProcessRunner : public TrialRunner {
 public:
  /// `command`: a path and arguments that end in run_worker_loop(3).
  explicit ProcessRunner(std::vector<std::string> command,
                         std::shared_ptr<TeardownPatience> patience = std::make_shared<TeardownPatience>());
  /// Kills the worker; unload() asks it to end.
  ~ProcessRunner() override;

  LoadOutcome load(const LoadRequest& request) override;
  TrialOutcome run(const TrialRequest& request) override;
  WindowOutcome judge_window(const WindowRequest& request) override;
  MarginOutcome measure_margin(const MarginRequest& request) override;
  void unload() override;
  std::string take_teardown_fault() override;

  /// An operator in place of a model: starts a worker anew, as load does; then sample as often as wanted. After an
  /// outcome that cost the operator, loaded() is false.
  OperatorPrepared prepare(const OperatorRequest& request);
  OperatorSample sample(const OperatorSampleRequest& request);

  bool loaded() const override { return loaded_; }

 private:
  struct Exchange;

  /// Starts a worker and sends it what it is for: `message` makes the request for a sequence number, `read` the outcome
  /// of its answer.
  template <typename Outcome, typename Request, typename Message>
  Outcome start(const Request& request, Message message, Outcome (*read)(const nlohmann::json&));

  /// Asks the loaded worker: `message` makes the request for a sequence number, `read` the outcome of its answer.
  template <typename Outcome, typename Message>
  Outcome ask(double timeout_s, Message message, Outcome (*read)(const nlohmann::json&));

  /// Sends and waits for the answer. On anything but an answer the worker is killed.
  Exchange exchange(const nlohmann::json& message, std::uint64_t sequence, double timeout_s);
  Exchange wait_for(std::vector<std::uint8_t> outgoing, std::uint64_t deadline_ns);
  Exchange ended();
  Exchange late();
  std::string limit_text() const;
  Exchange failed(TrialStatus status, std::string error);
  /// The next message that is no TeardownStep, if it is there.
  std::optional<nlohmann::json> next_message();
  void take_down();
  void note_teardown_fault(const std::string& fault);

  std::vector<std::string> command_;
  std::shared_ptr<TeardownPatience> patience_;
  std::string plugin_;          ///< of the latest start
  std::string teardown_call_;   ///< what the worker is taking something down with; empty: with nothing
  std::string teardown_fault_;  ///< the first that was not taken yet
  std::unique_ptr<ChildProcess> child_;
  std::unique_ptr<FrameBuffer> buffer_;
  std::uint64_t sequence_ = 0;
  std::uint64_t memory_bytes_ = 0;  ///< 0: no limit
  double timeout_s_ = 0;            ///< of the exchange under way, for messages
  bool loaded_ = false;
  Cgroups groups_;
  OomCounts oom_before_;  ///< when the worker was last known to live
};

}  // namespace inferbench
