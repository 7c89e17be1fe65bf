// SPDX-License-Identifier: Apache-2.0
#include "run/endpoint_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "measure/interference.hpp"
#include "model/model.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"
#ifdef INFERBENCH_HTTP_CLIENT
#include "http/endpoint_client.hpp"
#include "http/endpoint_models.hpp"
#endif

namespace inferbench {

namespace {

constexpr double kLongestListS = 30;  // a server that loads a model on demand still lists it at once
constexpr std::size_t kListedModels = 5;
constexpr std::int32_t kProbeTokens = 4;
constexpr double kMsPerNs = 1e-6;

/// A load or a trial that failed, with its status.
class RunFailure : public Error {
 public:
  RunFailure(TrialStatus status, const std::string& what) : Error(what), status_(status) {}
  TrialStatus status() const { return status_; }

 private:
  TrialStatus status_;
};

TrialStatus trial_status_for(EndpointStatus status) {
  if (status == EndpointStatus::kTimeout) return TrialStatus::kTimeout;
  if (status == EndpointStatus::kUnreachable) return TrialStatus::kUnreachable;
  return status == EndpointStatus::kRefused ? TrialStatus::kInvalid : TrialStatus::kCrashed;
}

// Errors of a server become the status and the line of an outcome.
template <typename Outcome, typename Action>
void into_server_outcome(Outcome& outcome, const Endpoint& endpoint, Action action) {
  try {
    action();
    outcome.status = TrialStatus::kOk;
    return;
  } catch (const RunFailure& failure) {
    outcome.status = failure.status();
    outcome.error = failure.what();
  } catch (const EndpointError& error) {
    outcome.status = trial_status_for(error.status());
    outcome.error = error.what();
  } catch (const Error& error) {
    outcome.status = TrialStatus::kInvalid;
    outcome.error = error.what();
  }
  hide_api_key(endpoint, outcome.error);
}

std::string api_key_of(const ServerAddress& server) {
  if (server.api_key_env.empty()) return {};
  const char* key = std::getenv(server.api_key_env.c_str());
  if (key != nullptr && *key != '\0') return key;
  // The name is not shown: it might be the key itself.
  throw Error(fmt::format("the environment variable that backends.api_key_env names for {} is not set", server.url),
              "set it to the server's API key");
}

std::unique_ptr<RequestClient> make_client(const Endpoint& endpoint) {
#ifdef INFERBENCH_HTTP_CLIENT
  return std::make_unique<EndpointClient>(endpoint);
#else
  throw Error(fmt::format("cannot reach {}: libcurl was not found when this program was built", endpoint.url),
              "apt-get install libcurl4-openssl-dev, then build it again");
#endif
}

std::optional<std::vector<std::string>> models_at(const Endpoint& endpoint) {
#ifdef INFERBENCH_HTTP_CLIENT
  return list_endpoint_models(endpoint);
#else
  static_cast<void>(endpoint);
  return std::nullopt;
#endif
}

std::string names_text(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kListedModels); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", one_line(names[i], 80));
  }
  return names.size() > kListedModels ? text + fmt::format(" and {} more", names.size() - kListedModels) : text;
}

// Counts the tokens of every answer, and gives them their times.
void count_answers(std::vector<EndpointOutcome>& outcomes, const EndpointPrompts& prompts, EndpointFacts& facts) {
  for (EndpointOutcome& outcome : outcomes) {
    const TokenSource source = count_tokens(outcome, prompts.count(outcome.text));
    if (outcome.request.ok()) ++facts.counted_by[std::string(to_string(source))];
    facts.statuses.emplace_back(to_string(outcome.status));
  }
}

void require_any_answer(const std::vector<EndpointOutcome>& outcomes) {
  if (outcomes.empty()) throw RunFailure(TrialStatus::kInvalid, "serving.duration_s ended before the first request");
  const auto good = [](const EndpointOutcome& outcome) {
    return outcome.request.ok() && !outcome.request.tokens_ns.empty();
  };
  if (std::any_of(outcomes.begin(), outcomes.end(), good)) return;
  const EndpointOutcome& first = outcomes.front();
  throw RunFailure(
      trial_status_for(first.status),
      fmt::format("{} failed, the first one so: {}", counted(outcomes.size(), "request"), first.request.error));
}

[[noreturn]] void fail_probe(const EndpointOutcome& outcome) {
  throw RunFailure(trial_status_for(outcome.status),
                   fmt::format("a first request of one token failed: {}", outcome.request.error));
}

}  // namespace

void require_endpoints(const Experiment& experiment) {
  for (const Contender& contender : experiment.contenders) {
    if (!contender.endpoint) continue;
    static_cast<void>(api_key_of(*contender.endpoint));
#ifndef INFERBENCH_HTTP_CLIENT
    throw Error(fmt::format("backends: {} can't be measured: libcurl was not found when this program was built",
                            contender.name),
                "apt-get install libcurl4-openssl-dev, then build it again");
#endif
  }
}

EndpointRunner::EndpointRunner(ServerAddress server, bool real_text)
    : server_(std::move(server)), real_text_(real_text) {}

EndpointRunner::~EndpointRunner() = default;

LoadOutcome EndpointRunner::load(const LoadRequest& request) {
  LoadOutcome outcome;
  unload();
  into_server_outcome(outcome, endpoint_, [&] {
    connect(request);
    check_model();
    if (!sends_ids_) choose_prompt_form();
    outcome.device = one_line(fmt::format("server at {}", server_.url), 200);
  });
  if (outcome.ok()) return outcome;
  outcome.error = fmt::format("the server at {}: {}", server_.url, outcome.error);
  unload();
  return outcome;
}

void EndpointRunner::connect(const LoadRequest& request) {
  endpoint_.url = server_.url;
  endpoint_.model = server_.model;
  endpoint_.kind = server_.chat ? ApiKind::kChat : ApiKind::kCompletion;
  if (server_.timeout_s > 0) {
    endpoint_.timeout_s = server_.timeout_s;
  } else if (request.timeout_s > 0) {
    endpoint_.timeout_s = request.timeout_s;
  }
  endpoint_.connect_timeout_s = std::min(endpoint_.connect_timeout_s, endpoint_.timeout_s);
  endpoint_.api_key = api_key_of(server_);
  if (!prompts_) prompts_.emplace(Model::open(request.model, request.model_base), real_text_);
  trials_since_load_ = 0;
  client_ = make_client(endpoint_);
}

void EndpointRunner::check_model() const {
  Endpoint endpoint = endpoint_;
  endpoint.timeout_s = std::min(endpoint.timeout_s, kLongestListS);
  const auto models = models_at(endpoint);
  if (!models || std::find(models->begin(), models->end(), server_.model) != models->end()) return;
  throw RunFailure(TrialStatus::kInvalid,
                   fmt::format("it has no model '{}'; its models: {}", server_.model, names_text(*models)));
}

void EndpointRunner::choose_prompt_form() {
  std::vector<std::int32_t> ids;
  for (std::int32_t i = 0; i < kProbeTokens; ++i) ids.push_back(i % prompts_->vocab());
  if (!server_.chat && server_.prompts != PromptForm::kText && takes_ids(ids)) {
    sends_ids_ = true;
    return;
  }
  const EndpointOutcome outcome = ask(ids, false);
  if (!outcome.request.ok()) fail_probe(outcome);
  sends_ids_ = false;
}

// Fails if the answer leaves no hope for a text, or none is wanted.
bool EndpointRunner::takes_ids(const std::vector<std::int32_t>& ids) {
  const EndpointOutcome outcome = ask(ids, true);
  const bool must = server_.prompts == PromptForm::kIds;
  if (!outcome.request.ok()) {
    const bool gone = outcome.status == EndpointStatus::kUnreachable || outcome.status == EndpointStatus::kTimeout;
    if (must || gone) fail_probe(outcome);
    return false;
  }
  if (!outcome.usage) return true;
  // A server that reads the list as a text counts other tokens. It may add one of its own at the beginning.
  const std::int64_t counted_tokens = outcome.usage->prompt;
  if (counted_tokens == kProbeTokens || counted_tokens == kProbeTokens + 1) return true;
  if (!must) return false;
  throw RunFailure(TrialStatus::kInvalid, fmt::format("it does not take token ids: it counted {} as {}",
                                                      counted(kProbeTokens, "id"), counted(counted_tokens, "token")));
}

EndpointOutcome EndpointRunner::ask(const std::vector<std::int32_t>& ids, bool as_ids) {
  EndpointPlan plan;
  plan.requests.push_back(prompts_->request_of(ids, as_ids));
  return std::move(run_endpoint_load(std::move(plan), *client_).outcomes.front());
}

EndpointPlan EndpointRunner::plan_of(const TrialRequest& request, std::int32_t turn) const {
  const ServingRequest& serving = *request.serving;
  EndpointPlan plan;
  if (serving.kind == ScenarioKind::kClosed) plan.concurrency = static_cast<std::size_t>(serving.concurrency);
  plan.duration_ns = static_cast<std::uint64_t>(serving.duration_s * 1e9);
  auto prompt = request.prompts.begin();
  for (std::size_t i = 0; i < serving.arrivals_ns.size(); ++i) {
    const auto end = prompt + serving.lengths[i];
    EndpointRequest& one = plan.requests.emplace_back(prompts_->request_of({prompt, end}, *sends_ids_, turn));
    one.arrival_ns = serving.arrivals_ns[i];
    one.max_tokens = serving.outputs[i];
    prompt = end;
  }
  return plan;
}

TrialOutcome EndpointRunner::run(const TrialRequest& request) {
  TrialOutcome outcome;
  outcome.trials_since_load = trials_since_load_++;
  outcome.energy_unknown = "the energy of a server is not measured";
  into_server_outcome(outcome, endpoint_, [&] {
    if (!request.serving) {
      throw RunFailure(TrialStatus::kUnsupported, "a server has no batches; use sweep.scenario, such as offline");
    }
    if (!loaded()) throw RunFailure(TrialStatus::kInvalid, "no server is connected");
    const bool stream = request.serving->delivery != Delivery::kWhole;
    if (std::exchange(endpoint_.stream, stream) != stream) client_ = make_client(endpoint_);
    run_scenario(request, outcome);
  });
  return outcome;
}

void EndpointRunner::run_scenario(const TrialRequest& request, TrialOutcome& outcome) {
  const bool is_search = request.serving->kind == ScenarioKind::kMaxRate;
  EndpointPlan plan = is_search ? EndpointPlan{} : plan_of(request, 0);
  StandstillWatch standstill;
  const InterferenceWatch watch(allowed_cpus(), standstill);
  const std::uint64_t begin_ns = now_ns();
  const std::uint64_t end_ns = begin_ns + static_cast<std::uint64_t>(request.timeout_s * 1e9);
  const auto late = [&] { return request.timeout_s > 0 && now_ns() > end_ns; };
  EndpointSearchResult done;
  if (is_search) {
    done = search(request, late);
  } else {
    plan.should_stop = late;
    done.load = run_endpoint_load(std::move(plan), *client_);
  }
  outcome.interference = watch.seen();
  // Many short waits for a CPU don't matter to a client. What matters is the longest one, which lag_ns contains.
  outcome.interference.run_delay_ms.reset();
  if (done.load.stopped) {
    client_ = make_client(endpoint_);  // drops the open requests
    throw RunFailure(TrialStatus::kTimeout,
                     fmt::format("the scenario took longer than its time limit of {} s", request.timeout_s));
  }
  take(std::move(done.load), *request.serving, outcome);
  if (!is_search) return;
  outcome.serving->max_rate = std::move(done.answer);
  outcome.serving->wall_s = static_cast<double>(now_ns() - begin_ns) * 1e-9;
}

EndpointSearchResult EndpointRunner::search(const TrialRequest& request, const std::function<bool()>& late) {
  std::int32_t turn = 0;
  EndpointSearchSetup setup;
  setup.plan = [&](std::optional<double> rate) {
    EndpointPlan plan = plan_of(request, turn++);
    for (EndpointRequest& one : plan.requests) {
      one.arrival_ns = rate ? static_cast<std::uint64_t>(static_cast<double>(one.arrival_ns) / *rate) : 0;
    }
    return plan;
  };
  setup.fresh_client = [&]() -> RequestClient& {
    client_ = make_client(endpoint_);
    return *client_;
  };
  setup.should_stop = late;
  setup.goal = request.serving->goal;
  setup.ramp_up = request.serving->ramp_up;
  return search_endpoint_rate(setup);
}

void EndpointRunner::take(EndpointResult result, const ServingRequest& serving, TrialOutcome& outcome) const {
  EndpointFacts facts;
  facts.prompt_ids = *sends_ids_;
  facts.whole = !endpoint_.stream;
  facts.prompt_offset = prompts_->offset();
  facts.lag_ms = static_cast<double>(result.lag_ns) * kMsPerNs;
  facts.send_lag_ms = static_cast<double>(result.send_lag_ns) * kMsPerNs;
  count_answers(result.outcomes, *prompts_, facts);
  require_any_answer(result.outcomes);
  ServingOutcome& served = outcome.serving.emplace();
  served.kind = serving.kind;
  served.objective = serving.goal.objective;
  for (EndpointOutcome& one : result.outcomes) served.requests.push_back(std::move(one.request));
  served.metrics = derive_load_metrics(served.requests, serving.kind, serving.ramp_up, served.objective);
  if (facts.whole) forget_token_times(served.metrics);
  served.endpoint = std::move(facts);
}

WindowOutcome EndpointRunner::judge_window(const WindowRequest& /*request*/) {
  WindowOutcome outcome;
  outcome.status = TrialStatus::kUnsupported;
  outcome.error = "a server gives no logits";
  return outcome;
}

MarginOutcome EndpointRunner::measure_margin(const MarginRequest& /*request*/) {
  MarginOutcome outcome;
  outcome.status = TrialStatus::kUnsupported;
  outcome.error = "a server gives no logits";
  return outcome;
}

void EndpointRunner::unload() {
  client_.reset();
}

std::string find_client_lag(const EndpointFacts& facts) {
  constexpr double kMostMs = static_cast<double>(kMaxClientLagNs) * kMsPerNs;
  if (facts.lag_ms <= kMostMs && facts.send_lag_ms <= kMostMs) return {};
  return fmt::format("the HTTP client was up to {:.1f} ms late", std::max(facts.lag_ms, facts.send_lag_ms));
}

}  // namespace inferbench
