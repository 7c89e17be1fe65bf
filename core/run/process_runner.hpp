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

/// How long a worker may take to end, including the backend's shutdown. Once a backend has hung in its shutdown, all
/// runners that share this object wait for it only briefly.
class TeardownPatience {
 public:
  double seconds_for(const std::string& plugin) const;
  void lost_with(const std::string& plugin) { lost_.insert(plugin); }

 private:
  std::set<std::string> lost_;  ///< paths of libraries
};

/// A contender, or a single operator of one, in its own worker process, which is restarted for each load. Whatever the
/// worker does (crash, exit, hang, flood its output, send garbage, use up memory) becomes an outcome; after that the
/// worker is gone and loaded() is false.
class ProcessRunner : public TrialRunner {
 public:
  /// `command`: a program and its arguments; the program must call run_worker_loop(3).
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

  /// Prepares an operator instead of a model: restarts the worker, like load. After that, sample may be called any
  /// number of times. After a failure that lost the operator, loaded() is false.
  OperatorPrepared prepare(const OperatorRequest& request);
  OperatorSample sample(const OperatorSampleRequest& request);

  bool loaded() const override { return loaded_; }

 private:
  struct Exchange;

  /// Starts a worker and sends it its first request. `message` builds the request for a sequence number; `read`
  /// converts the answer into the outcome.
  template <typename Outcome, typename Request, typename Message>
  Outcome start(const Request& request, Message message, Outcome (*read)(const nlohmann::json&));

  /// Sends a request to the loaded worker; `message` and `read` as above.
  template <typename Outcome, typename Message>
  Outcome ask(double timeout_s, Message message, Outcome (*read)(const nlohmann::json&));

  /// Sends and waits for the answer. If there is no answer, the worker is killed.
  Exchange exchange(const nlohmann::json& message, std::uint64_t sequence, double timeout_s);
  Exchange wait_for(std::vector<std::uint8_t> outgoing, std::uint64_t deadline_ns);
  Exchange ended();
  Exchange late();
  std::string limit_text() const;
  Exchange failed(TrialStatus status, std::string error);
  /// The next message that is not a TeardownStep, if it has arrived.
  std::optional<nlohmann::json> next_message();
  void take_down();
  void note_teardown_fault(const std::string& fault);

  std::vector<std::string> command_;
  std::shared_ptr<TeardownPatience> patience_;
  std::string plugin_;          ///< of the latest start
  std::string teardown_call_;   ///< the teardown function that the worker is in; empty: none
  std::string teardown_fault_;  ///< the first one not taken yet
  std::unique_ptr<ChildProcess> child_;
  std::unique_ptr<FrameBuffer> buffer_;
  std::uint64_t sequence_ = 0;
  std::uint64_t memory_bytes_ = 0;  ///< 0: no limit
  double timeout_s_ = 0;            ///< of the current exchange, for messages
  bool loaded_ = false;
  Cgroups groups_;
  OomCounts oom_before_;  ///< when the worker was last known to be alive
};

}  // namespace inferbench
