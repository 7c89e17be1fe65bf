// SPDX-License-Identifier: Apache-2.0
#include "ipc/round_trip_cost.hpp"

#include <fcntl.h>

#include <nlohmann/json.hpp>

#include "run/child_process.hpp"
#include "support/error.hpp"
#include "worker/frame.hpp"
#include "worker/messages.hpp"

namespace inferbench {
namespace {

/// One worker, with ProcessRunner's protocol, but blocking: there is nothing else to wait for.
class Worker {
 public:
  explicit Worker(const std::vector<std::string>& command) : child_(command) {
    const int flags = fcntl(child_.socket(), F_GETFL);
    if (flags < 0 || fcntl(child_.socket(), F_SETFL, flags & ~O_NONBLOCK) < 0) {
      throw Error("the worker's socket cannot be made blocking");
    }
    check_hello(receive());
  }

  /// The outcome in the answer must be the refusal of a worker without a model.
  void exchange(const nlohmann::json& request) {
    send_frame(child_.socket(), request);
    const nlohmann::json answer = receive();
    if (outcome_of(answer, sequence_of(request)).at("status") != "invalid") {
      throw Error("the worker gave an unexpected answer: " + answer.dump());
    }
  }

 private:
  nlohmann::json receive() {
    std::optional<nlohmann::json> message = receive_frame(child_.socket(), buffer_);
    if (message) return std::move(*message);
    const ChildEnd end = child_.stop(1);
    throw Error("the worker " + to_string(end) + ": " + child_.output_tail());
  }

  ChildProcess child_;
  FrameBuffer buffer_;
};

}  // namespace

std::vector<RoundTripCost> measure_round_trips(const std::vector<std::string>& worker_command,
                                               const std::vector<SampleMessage>& messages, const CostEffort& effort) {
  Worker worker(worker_command);
  std::vector<RoundTripCost> costs;
  for (const SampleMessage& sample : messages) {
    if (!sample.is_request) continue;
    costs.push_back({sample.what, encode_frame(sample.message).size(),
                     measure_cost(effort, 1, [&] { worker.exchange(sample.message); })});
  }
  return costs;
}

}  // namespace inferbench
