// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "http/api_error.hpp"
#include "http/generation_driver.hpp"
#include "http/http_responder.hpp"
#include "http/served_model.hpp"
#include "http/service_metrics.hpp"
#include "support/random.hpp"

namespace inferbench {

struct ServiceOptions {
  std::size_t slots = 1;
  std::size_t queue = 0;                 ///< requests that may wait for a slot
  std::chrono::milliseconds timeout{0};  ///< of a request from its arrival to its last token
  std::string api_key;                   ///< empty: everybody may use the API
  std::string backend;                   ///< for /metrics
  std::uint64_t seed = 0;                ///< of what needs to differ: ids, and sampling without a seed
};

/// OpenAI's API for one model: requests of HTTP go to a Generator, its tokens go back as text. One thread; nothing
/// blocks.
class ApiService {
 public:
  /// All are borrowed.
  ApiService(const ServedModel& model, ServiceOptions options, Generator& generator, HttpResponder& responder);
  ~ApiService();
  ApiService(const ApiService&) = delete;
  ApiService& operator=(const ApiService&) = delete;

  void handle(const HttpRequest& request);
  /// The client of a request has gone: its slot is freed at the next step.
  void client_gone(ExchangeId id);
  void take(const std::vector<GenerationEvent>& events);
  /// Ends the requests that have taken too long. Call from time to time.
  void check_time(std::uint64_t now_ns);

  /// From now on requests are answered with 503. `reason`: one line.
  void refuse_new(const std::string& reason) { refusal_ = reason; }
  /// Answers all open requests with this error.
  void fail_all(const ApiError& error);
  /// Requests that have not been answered yet.
  std::size_t open() const { return answers_.size(); }
  /// /health says so. Empty: nothing is wrong.
  void set_problem(const std::string& problem) { problem_ = problem; }
  void set_connections(std::size_t connections) { connections_ = connections; }
  const ServiceMetrics& metrics() const { return metrics_; }

 private:
  struct Answer;

  void route(const HttpRequest& request);
  void accept(const HttpRequest& request, ApiKind kind);
  void check_access(const HttpRequest& request) const;
  std::int32_t retry_after_s() const;
  void take_token(Answer& answer, const GenerationEvent& event);
  void take_end(Answer& answer, const GenerationEvent& event);
  void finish(Answer& answer, std::string_view reason);
  void fail(Answer& answer, const ApiError& error);
  /// Forgets the request. The generator still owes its last event, unless that has come.
  void forget(ExchangeId id);
  void count(const std::string& path, int status);
  void send(const HttpRequest& request, HttpAnswer answer);
  ServiceState state() const;

  const ServedModel& model_;
  ServiceOptions options_;
  Generator& generator_;
  HttpResponder& responder_;
  SplitMix64 random_;
  std::int64_t started_s_;
  std::string refusal_;
  std::string problem_;
  std::size_t connections_ = 0;
  std::map<ExchangeId, std::unique_ptr<Answer>> answers_;
  std::size_t in_generator_ = 0;  ///< requests that have not had their last event
  double mean_duration_s_ = 1;    ///< of the last requests, for Retry-After
  ServiceMetrics metrics_;
};

}  // namespace inferbench
