// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "ops/operator_outcome.hpp"
#include "worker/trial_runner.hpp"

namespace inferbench {

class ChildProcess;
class FrameBuffer;

/// A contender, or a single operator of one, in a worker process of its own, started anew for each load. Whatever the
/// worker does (crash, exit, hang, flood its output, send garbage, use up memory) becomes an outcome; afterwards the
/// worker is gone, and loaded() false.
class ProcessRunner : public TrialRunner {
 public:
  /// `command`: a path and arguments that end in run_worker_loop(3).
  explicit ProcessRunner(std::vector<std::string> command);
  ~ProcessRunner() override;

  LoadOutcome load(const LoadRequest& request) override;
  TrialOutcome run(const TrialRequest& request) override;
  WindowOutcome judge_window(const WindowRequest& request) override;
  MarginOutcome measure_margin(const MarginRequest& request) override;
  void unload() override;

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
  Exchange ended(long long oom_kills_before);
  Exchange failed(TrialStatus status, std::string error);

  std::vector<std::string> command_;
  std::unique_ptr<ChildProcess> child_;
  std::unique_ptr<FrameBuffer> buffer_;
  std::uint64_t sequence_ = 0;
  std::uint64_t memory_bytes_ = 0;  ///< 0: no limit
  double timeout_s_ = 0;            ///< of the exchange under way, for messages
  bool loaded_ = false;
};

}  // namespace inferbench
