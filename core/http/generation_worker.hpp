// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "http/generation.hpp"
#include "serve/engine.hpp"
#include "serve/scheduler.hpp"

namespace inferbench {

/// Runs in the process that holds the backend: takes orders, runs one step of the scheduler, and returns what happened.
class GenerationWorker {
 public:
  /// `engine` is borrowed.
  GenerationWorker(const SchedulerOptions& options, Engine& engine);

  /// `orders`: of encode_orders; returns encode_events. Throws Error once the engine is lost, and ProtocolError.
  std::string step(std::string_view orders);

 private:
  /// What the picker of a request computed beside the token.
  struct Report {
    double logprob = 0;
    std::vector<std::pair<std::int32_t, double>> top;
  };

  void submit(GenerationRequest request);
  void note_token(RequestId id, std::int32_t token, std::uint64_t time_ns);
  void note_end(const RequestOutcome& outcome);

  Scheduler scheduler_;
  std::vector<GenerationEvent> events_;            ///< of the present step
  std::unordered_map<RequestId, Report> reports_;  ///< of the latest token, for requests that want them
};

}  // namespace inferbench
