// SPDX-License-Identifier: Apache-2.0
#include "cli/isolated_session.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/generate_shared.hpp"
#include "measure/affinity.hpp"
#include "measure/clock.hpp"
#include "support/print.hpp"
#include "support/raw_bytes.hpp"

namespace inferbench {

namespace {

// The first byte of a request; token ids may follow in their in-memory form.
constexpr char kLoad = 'l';
constexpr char kNext = 'n';
constexpr char kLogits = 'a';
constexpr char kClear = 'c';

/// Runs in the child.
class SessionServer {
 public:
  SessionServer(const FoundBackend& found, const BackendArguments& settings, const Model& model,
                const IsolatedSession::Shape& shape, const SamplingOptions& sampling, HostCallbacks callbacks)
      : affinity_(settings.threads),
        begin_(now_ns()),
        model_(load_backend(found, settings, model.weights(), std::move(callbacks))),
        session_(model_, 1, shape.max_tokens, shape.max_forward_tokens),
        load_ms_(elapsed_ms(begin_, now_ns())),
        sampler_(sampling),
        pick_(pick_from(session_, sampler_)) {}

  std::string serve(std::string_view request) {
    const std::vector<std::int32_t> fed = raw_values<std::int32_t>(request.substr(1));
    switch (request.front()) {
      case kLoad:
        return raw_bytes(&load_ms_, 1) + model_.info().kernels;
      case kNext: {
        TimedToken token;
        token.begin_ns = now_ns();
        token.id = pick_(fed);
        token.end_ns = now_ns();
        return raw_bytes(&token, 1);
      }
      case kLogits:
        return raw_bytes(session_.all_logits(0, fed));
      default:
        session_.truncate(0, 0);
        return {};
    }
  }

 private:
  ScopedAffinity affinity_;
  std::uint64_t begin_;
  BackendModel model_;
  BackendSession session_;
  double load_ms_;
  Sampler sampler_;
  NextToken pick_;
};

std::string request_of(char kind, std::span<const std::int32_t> fed) {
  return kind + raw_bytes(fed);
}

}  // namespace

IsolatedSession::IsolatedSession(const FoundBackend& found, const BackendArguments& settings, const Model& model,
                                 const Shape& shape, const SamplingOptions& sampling, const HostCallbacks& callbacks)
    : found_(found),
      child_(
          [=]() -> BackendChild::Serve {
            const auto server = std::make_shared<SessionServer>(found, settings, model, shape, sampling, callbacks);
            return [server](std::string_view request) { return server->serve(request); };
          },
          "backend " + found.name()) {
  const std::string loaded = child_.call(request_of(kLoad, {}), "load");
  load_ms_ = raw_values<double>(std::string_view(loaded).substr(0, sizeof(double))).front();
  kernels_ = loaded.substr(sizeof(double));
}

IsolatedSession::~IsolatedSession() {
  if (const std::string wrong = child_.finish(); !wrong.empty()) {
    print_message("inferbench: warning: {}\n", wrong);
  }
}

TimedToken IsolatedSession::next(std::span<const std::int32_t> fed) {
  return raw_values<TimedToken>(child_.call(request_of(kNext, fed), "forward")).front();
}

std::vector<float> IsolatedSession::all_logits(std::span<const std::int32_t> fed) {
  return raw_values<float>(child_.call(request_of(kLogits, fed), "forward"));
}

void IsolatedSession::clear() {
  child_.call(request_of(kClear, {}), "session_truncate");
}

}  // namespace inferbench
