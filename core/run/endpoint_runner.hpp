// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiment/experiment.hpp"
#include "http/endpoint.hpp"
#include "http/endpoint_load.hpp"
#include "run/endpoint_prompts.hpp"
#include "run/endpoint_search.hpp"
#include "worker/trial_runner.hpp"

namespace inferbench {

/// Throws Error if a server of the experiment can't be measured here: its API key is not set, or the program was built
/// without an HTTP client.
void require_endpoints(const Experiment& experiment);

/// A running server as a contender. Nothing is sent twice.
///
/// load() asks for the server's list of models, and the first time also for one short answer, which shows whether the
/// server takes token ids. run() sends the requests of a scenario; a batch is `unsupported`. Requests that fail are
/// part of a trial that is ok, unless all fail.
class EndpointRunner final : public TrialRunner {
 public:
  /// `real_text`: prompts are windows of a text, which are sent as they are.
  EndpointRunner(ServerAddress server, bool real_text);
  ~EndpointRunner() override;

  LoadOutcome load(const LoadRequest& request) override;
  TrialOutcome run(const TrialRequest& request) override;
  WindowOutcome judge_window(const WindowRequest& request) override;    ///< kUnsupported
  MarginOutcome measure_margin(const MarginRequest& request) override;  ///< kUnsupported
  void unload() override;
  bool loaded() const override { return client_ != nullptr; }

 private:
  void connect(const LoadRequest& request);
  void check_model() const;
  void choose_prompt_form();
  bool takes_ids(const std::vector<std::int32_t>& ids);
  EndpointOutcome ask(const std::vector<std::int32_t>& ids, bool as_ids);
  /// `turn`: as in EndpointPrompts::request_of.
  EndpointPlan plan_of(const TrialRequest& request, std::int32_t turn) const;
  void run_scenario(const TrialRequest& request, TrialOutcome& outcome);
  EndpointSearchResult search(const TrialRequest& request, const std::function<bool()>& late);
  void take(EndpointResult result, const ServingRequest& serving, TrialOutcome& outcome) const;

  ServerAddress server_;
  bool real_text_;
  Endpoint endpoint_{};
  std::unique_ptr<RequestClient> client_;
  std::optional<EndpointPrompts> prompts_;  ///< since the first load
  std::optional<bool> sends_ids_;           ///< absent: not known yet
  std::int32_t trials_since_load_ = 0;
};

/// Why this program's own delay makes the figures of a trial doubtful, as one line; empty if it does not.
std::string find_client_lag(const EndpointFacts& facts);

}  // namespace inferbench
