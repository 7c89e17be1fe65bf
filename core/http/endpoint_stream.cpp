// SPDX-License-Identifier: Apache-2.0
#include "http/endpoint_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kMaxWholeBytes = std::size_t{64} << 20U;
constexpr std::int32_t kHttpOk = 200;

}  // namespace

EndpointStream::EndpointStream(const Endpoint& endpoint, const EndpointRequest& request) : endpoint_(endpoint) {
  outcome_.request.id = request.id;
  outcome_.request.prompt_tokens = request.prompt_tokens;
  outcome_.request.wanted_tokens = request.max_tokens;
  outcome_.request.arrival_ns = request.arrival_ns;
}

bool EndpointStream::push(std::string_view bytes, std::int32_t http_status, std::string_view content_type,
                          std::uint64_t time_ns, std::uint64_t lag_ns) {
  outcome_.lag_ns = std::max(outcome_.lag_ns, lag_ns);
  if (failed_) return false;
  const bool is_stream = endpoint_.stream && http_status == kHttpOk && content_type.starts_with("text/event-stream");
  try {
    if (is_stream) {
      events_.push(bytes);
      take_events(time_ns);
    } else {
      if (body_.size() + bytes.size() > kMaxWholeBytes) throw Error("the answer is larger than 64 MiB");
      body_.append(bytes);
    }
  } catch (const EndpointError& error) {
    fail(error.status(), error.what());
  } catch (const Error& error) {
    fail(EndpointStatus::kBroken, error.what());
  }
  return !failed_;
}

void EndpointStream::take_events(std::uint64_t time_ns) {
  while (auto event = events_.next()) {
    if (done_) continue;
    if (event->data == kSseDone) {
      done_ = true;
    } else {
      hide_api_key(endpoint_, event->data);
      take(parse_endpoint_piece(endpoint_.kind, true, event->data), time_ns);
    }
  }
}

void EndpointStream::take(EndpointPiece piece, std::uint64_t time_ns) {
  if (piece.usage) outcome_.usage = piece.usage;
  if (!piece.finish_reason.empty()) outcome_.finish_reason = std::move(piece.finish_reason);
  if (piece.text.empty()) return;
  outcome_.text += piece.text;
  outcome_.request.tokens_ns.push_back(time_ns);
}

void EndpointStream::take_whole(std::string_view content_type, std::uint64_t time_ns) {
  if (endpoint_.stream) {
    // Some servers answer an error as a whole, with status 200.
    static_cast<void>(parse_endpoint_piece(endpoint_.kind, false, body_));
    fail(EndpointStatus::kBroken,
         fmt::format("the answer is {}, not a stream of events", content_type.empty() ? "of no type" : content_type));
    return;
  }
  take(parse_endpoint_piece(endpoint_.kind, false, body_), time_ns);
}

void EndpointStream::fail(EndpointStatus status, const std::string& problem) {
  if (std::exchange(failed_, true)) return;
  outcome_.status = status;
  outcome_.request.error = problem;
}

EndpointOutcome EndpointStream::finish(EndpointStatus status, const std::string& problem, std::int32_t http_status,
                                       std::string_view content_type, std::uint64_t time_ns) {
  outcome_.http_status = http_status;
  hide_api_key(endpoint_, body_);
  const bool is_html = content_type.find("html") != std::string_view::npos;
  if (status != EndpointStatus::kOk) {
    fail(status, problem);
  } else if (!failed_ && (http_status != kHttpOk || is_html)) {
    fail(http_status == kHttpOk ? EndpointStatus::kBroken : EndpointStatus::kRefused,
         describe_refusal(http_status, content_type, body_));
  } else if (!failed_ && endpoint_.stream && content_type.starts_with("text/event-stream")) {
    // Some servers leave [DONE] out, but not the reason.
    if (events_.is_inside_event() || (!done_ && outcome_.finish_reason.empty())) {
      fail(EndpointStatus::kCut, fmt::format("the stream ended in the middle, after {} with text",
                                             counted(outcome_.request.tokens_ns.size(), "event")));
    }
  } else if (!failed_) {
    try {
      take_whole(content_type, time_ns);
    } catch (const EndpointError& error) {
      fail(error.status(), error.what());
    }
  }
  if (!failed_ && outcome_.request.tokens_ns.empty()) fail(EndpointStatus::kBroken, "the answer has no text");
  outcome_.request.end_ns = outcome_.request.tokens_ns.empty() || failed_ ? time_ns : outcome_.request.tokens_ns.back();
  outcome_.request.reason = failed_                              ? FinishReason::kFailed
                            : outcome_.finish_reason == "length" ? FinishReason::kLength
                                                                 : FinishReason::kStop;
  return std::move(outcome_);
}

}  // namespace inferbench
