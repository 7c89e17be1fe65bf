// SPDX-License-Identifier: Apache-2.0
#include "http/api_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <utility>

#include "http/api_answer.hpp"
#include "http/api_request.hpp"
#include "http/stop_matcher.hpp"
#include "measure/clock.hpp"
#include "support/one_line.hpp"
#include "text/stream_decoder.hpp"

namespace inferbench {

namespace {

constexpr const char* kCompletionsPath = "/v1/completions";
constexpr const char* kChatPath = "/v1/chat/completions";
constexpr const char* kModelsPath = "/v1/models";
constexpr double kRecent = 0.1;  // weight of the latest request in the mean duration
constexpr double kLongestRetryS = 60;

double seconds(std::uint64_t begin_ns, std::uint64_t end_ns) {
  return end_ns < begin_ns ? 0 : static_cast<double>(end_ns - begin_ns) * 1e-9;
}

// Takes the same time wherever the two differ, so that the key can't be guessed byte by byte.
bool same_secret(std::string_view given, std::string_view secret) {
  unsigned difference = given.size() == secret.size() ? 0 : 1;
  for (std::size_t i = 0; i < secret.size(); ++i) {
    const char other = i < given.size() ? given[i] : '\0';
    difference |= unsigned{static_cast<unsigned char>(other)} ^ unsigned { static_cast<unsigned char>(secret[i]) };
  }
  return difference == 0;
}

bool is_api_path(std::string_view path) {
  return path.starts_with("/v1/");
}

// The path as a label: what clients make up must not become metrics.
std::string known_path(const std::string& path) {
  for (const char* known : {kCompletionsPath, kChatPath, kModelsPath, "/health", "/metrics"}) {
    if (path == known) return path;
  }
  return path.starts_with(std::string(kModelsPath) + "/") ? kModelsPath : "other";
}

std::string token_text(const Tokenizer& tokenizer, std::int32_t id) {
  return tokenizer.has(id) ? tokenizer.decode(std::span(&id, 1)) : "\uFFFD";
}

}  // namespace

/// A request that has not been answered yet.
struct ApiService::Answer {
  Answer(const Tokenizer& tokenizer, const ApiRequest& request, const GenerationRequest& generation,
         AnswerWriter::Head head)
      : kind(request.kind),
        stream(request.stream),
        wants_logprobs(request.logprobs.has_value()),
        stop_ids(generation.stop_ids),
        writer(std::move(head)),
        decoder(tokenizer, generation.prompt),
        stop(request.stop) {
    usage.prompt = static_cast<std::int64_t>(generation.prompt.size());
  }

  const std::vector<TokenLogprob>* piece_logprobs() const { return wants_logprobs ? &logprobs : nullptr; }

  ExchangeId id = 0;
  ApiKind kind;
  bool stream;
  bool wants_logprobs;
  bool begun = false;  ///< the stream
  std::vector<std::int32_t> stop_ids;
  AnswerWriter writer;
  StreamDecoder decoder;
  StopMatcher stop;
  std::string text;                    ///< not sent yet
  std::vector<TokenLogprob> logprobs;  ///< of the tokens that were not sent yet
  TokenUsage usage;
  std::uint64_t arrival_ns = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
};

ApiService::ApiService(const ServedModel& model, ServiceOptions options, Generator& generator, HttpResponder& responder)
    : model_(model),
      options_(std::move(options)),
      generator_(generator),
      responder_(responder),
      random_(options_.seed),
      started_s_(std::time(nullptr)) {}

ApiService::~ApiService() = default;

void ApiService::handle(const HttpRequest& request) {
  try {
    if (is_api_path(request.path)) check_access(request);
    route(request);
  } catch (const ApiError& error) {
    HttpAnswer answer{error.status(), error_json(error)};
    if (error.status() == 429 || error.status() == 503) answer.retry_after_s = retry_after_s();
    send(request, std::move(answer));
  }
}

void ApiService::check_access(const HttpRequest& request) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (options_.api_key.empty()) return;
  const std::string_view given = request.authorization;
  const bool good = given.starts_with(kScheme) && same_secret(given.substr(kScheme.size()), options_.api_key);
  if (!good) throw ApiError(401, "the API key is missing or wrong", {}, "invalid_api_key");
}

void ApiService::route(const HttpRequest& request) {
  const bool is_post = request.path == kCompletionsPath || request.path == kChatPath;
  const bool is_get = request.path == "/health" || request.path == "/metrics" || request.path == kModelsPath ||
                      request.path == std::string(kModelsPath) + "/" + model_.name();
  if (!is_post && !is_get) {
    throw ApiError(404, fmt::format("there is no {} here", one_line(request.path, 100)), {}, "not_found");
  }
  const char* method = is_post ? "POST" : "GET";
  if (request.method != method && !(is_get && request.method == "HEAD")) {
    const ApiError error(405, fmt::format("{} takes {}", request.path, method));
    HttpAnswer answer{405, error_json(error)};
    answer.allow = method;
    return send(request, std::move(answer));
  }
  if (is_post) return accept(request, request.path == kChatPath ? ApiKind::kChat : ApiKind::kCompletion);
  if (request.path == "/metrics") {
    return send(request, {200, metrics_text(metrics_, state()), std::string(PrometheusText::kContentType)});
  }
  if (request.path == "/health") {
    const std::string& wrong = problem_.empty() ? refusal_ : problem_;
    if (!wrong.empty()) throw ApiError(503, wrong);
    return send(request, {200, R"({"status":"ok"})"});
  }
  const bool is_list = request.path == kModelsPath;
  send(request, {200, is_list ? models_json(model_.name(), started_s_) : model_json(model_.name(), started_s_)});
}

void ApiService::accept(const HttpRequest& request, ApiKind kind) {
  if (!refusal_.empty()) throw ApiError(503, refusal_);
  // A page in a browser can send other types to any server without asking it first.
  if (!request.content_type.starts_with("application/json")) {
    throw ApiError(415, "the content type must be application/json");
  }
  ApiRequest asked = parse_api_request(kind, request.body);
  GenerationRequest generation = model_.generation_of(asked);
  if (in_generator_ >= options_.slots + options_.queue) {
    throw ApiError(429, "all slots are taken and the queue is full", {}, "rate_limit_exceeded");
  }
  if (!asked.has_seed) generation.sampling.seed = random_.next();
  generation.id = request.id;
  AnswerWriter::Head head{kind, fmt::format("{:016x}", random_.next()), model_.name(), std::time(nullptr),
                          asked.stream_usage};
  auto answer = std::make_unique<Answer>(model_.tokenizer(), asked, generation, std::move(head));
  answer->id = request.id;
  answer->arrival_ns = now_ns();
  metrics_.prompt_tokens += generation.prompt.size();
  answers_.emplace(request.id, std::move(answer));
  ++in_generator_;
  generator_.submit(std::move(generation));
}

void ApiService::client_gone(ExchangeId id) {
  if (answers_.count(id) == 0) return;
  ++metrics_.clients_gone;
  generator_.cancel(id);
  forget(id);
}

void ApiService::take(const std::vector<GenerationEvent>& events) {
  for (const GenerationEvent& event : events) {
    if (event.ended && in_generator_ > 0) --in_generator_;
    if (!event.ended) ++metrics_.generated_tokens;
    const auto found = answers_.find(event.id);
    if (found == answers_.end()) continue;
    if (event.ended) {
      take_end(*found->second, event);
    } else {
      take_token(*found->second, event);
    }
  }
}

void ApiService::take_token(Answer& answer, const GenerationEvent& event) {
  ++answer.usage.completion;
  answer.last_ns = event.time_ns;
  if (answer.first_ns == 0) answer.first_ns = event.time_ns;
  // The token that ends the text is no part of it.
  if (std::find(answer.stop_ids.begin(), answer.stop_ids.end(), event.token) != answer.stop_ids.end()) return;
  if (answer.wants_logprobs) {
    TokenLogprob logprob{token_text(model_.tokenizer(), event.token), event.logprob, {}};
    for (const auto& [token, value] : event.top) logprob.top.emplace_back(token_text(model_.tokenizer(), token), value);
    answer.logprobs.push_back(std::move(logprob));
  }
  answer.text += answer.stop.push(answer.decoder.push(event.token));
  if (answer.stop.stopped()) {
    generator_.cancel(answer.id);
    return finish(answer, "stop");
  }
  if (!answer.stream || (answer.text.empty() && answer.logprobs.empty())) return;
  std::string events;
  if (!std::exchange(answer.begun, true)) {
    responder_.begin_events(answer.id);
    events = answer.writer.begin();
  }
  events += answer.writer.piece(answer.text, answer.piece_logprobs(), {});
  answer.text.clear();
  answer.logprobs.clear();
  responder_.write(answer.id, events);
}

void ApiService::take_end(Answer& answer, const GenerationEvent& event) {
  if (event.admitted_ns > 0) metrics_.queue_wait.add(seconds(answer.arrival_ns, event.admitted_ns));
  switch (event.reason) {
    case FinishReason::kLength:
    case FinishReason::kStop:
      answer.text += answer.stop.push(answer.decoder.flush());
      answer.text += answer.stop.flush();
      return finish(answer, event.reason == FinishReason::kStop || answer.stop.stopped() ? "stop" : "length");
    case FinishReason::kRefused:
      return fail(answer, ApiError(400, event.error));
    case FinishReason::kCancelled:
      return fail(answer, ApiError(503, "the request was cancelled"));
    case FinishReason::kFailed:
      return fail(answer, ApiError(500, event.error));
  }
}

void ApiService::finish(Answer& answer, std::string_view reason) {
  const std::string path = answer.kind == ApiKind::kChat ? kChatPath : kCompletionsPath;
  if (answer.stream) {
    std::string events;
    if (!answer.begun) {
      responder_.begin_events(answer.id);
      events = answer.writer.begin();
    }
    events += answer.writer.piece(answer.text, answer.piece_logprobs(), reason) + answer.writer.end(answer.usage);
    responder_.write(answer.id, events);
    responder_.end(answer.id);
  } else {
    responder_.answer(answer.id,
                      {200, answer.writer.whole(answer.text, answer.piece_logprobs(), reason, answer.usage)});
  }
  count(path, 200);
  const double duration = seconds(answer.arrival_ns, answer.last_ns);
  metrics_.duration.add(duration);
  if (answer.first_ns > 0) metrics_.first_token.add(seconds(answer.arrival_ns, answer.first_ns));
  if (answer.usage.completion > 1) {
    metrics_.time_per_token.add(seconds(answer.first_ns, answer.last_ns) /
                                static_cast<double>(answer.usage.completion - 1));
  }
  mean_duration_s_ += kRecent * (duration - mean_duration_s_);
  forget(answer.id);
}

void ApiService::fail(Answer& answer, const ApiError& error) {
  if (answer.begun) {  // the status has been sent
    responder_.write(answer.id, sse_event(error_json(error)));
    responder_.end(answer.id);
  } else {
    HttpAnswer sent{error.status(), error_json(error)};
    if (error.status() == 503) sent.retry_after_s = retry_after_s();
    responder_.answer(answer.id, std::move(sent));
  }
  count(answer.kind == ApiKind::kChat ? kChatPath : kCompletionsPath, error.status());
  forget(answer.id);
}

void ApiService::check_time(std::uint64_t now) {
  if (options_.timeout.count() == 0) return;
  std::vector<Answer*> late;
  for (const auto& [id, answer] : answers_) {
    if (seconds(answer->arrival_ns, now) * 1e3 > static_cast<double>(options_.timeout.count())) {
      late.push_back(answer.get());
    }
  }
  for (Answer* answer : late) {
    generator_.cancel(answer->id);
    fail(*answer, ApiError(504, fmt::format("not finished within {} s", options_.timeout.count() / 1000)));
  }
}

void ApiService::fail_all(const ApiError& error) {
  while (!answers_.empty()) fail(*answers_.begin()->second, error);
}

void ApiService::forget(ExchangeId id) {
  answers_.erase(id);
}

// When a slot should be free: the requests ahead, at the pace of the last ones.
std::int32_t ApiService::retry_after_s() const {
  const double ahead = static_cast<double>(in_generator_ + 1) / static_cast<double>(options_.slots);
  return static_cast<std::int32_t>(std::clamp(std::ceil(ahead * mean_duration_s_), 1.0, kLongestRetryS));
}

void ApiService::count(const std::string& path, int status) {
  ++metrics_.answers[{path, std::to_string(status)}];
}

void ApiService::send(const HttpRequest& request, HttpAnswer answer) {
  count(known_path(request.path), answer.status);
  responder_.answer(request.id, std::move(answer));
}

ServiceState ApiService::state() const {
  const std::size_t running = std::min(in_generator_, options_.slots);
  return {model_.name(), options_.backend, options_.slots, running, in_generator_ - running, connections_};
}

}  // namespace inferbench
