// SPDX-License-Identifier: Apache-2.0
#include "http/generation_worker.hpp"

#include <memory>
#include <utility>

#include "http/token_choice.hpp"
#include "measure/clock.hpp"
#include "support/error.hpp"

namespace inferbench {

GenerationWorker::GenerationWorker(const SchedulerOptions& options, Engine& engine)
    : scheduler_(options, engine, [] { return now_ns(); },
                 {[this](RequestId id, std::int32_t token, std::uint64_t time_ns) {
                    note_token(id, token, time_ns);
                    return true;
                  },
                  [this](const RequestOutcome& outcome) { note_end(outcome); }}) {}

std::string GenerationWorker::step(std::string_view bytes) {
  GenerationOrders orders = decode_orders(bytes);
  events_.clear();
  for (GenerationRequest& request : orders.submit) submit(std::move(request));
  for (const RequestId id : orders.cancel) scheduler_.cancel(id);
  if (!scheduler_.idle()) scheduler_.step();
  if (!scheduler_.lost().empty()) throw Error(scheduler_.lost());
  return encode_events(events_);
}

void GenerationWorker::submit(GenerationRequest asked) {
  Request request;
  request.id = asked.id;
  request.arrival_ns = now_ns();
  request.prompt = std::move(asked.prompt);
  request.max_tokens = asked.max_tokens;
  request.stop_ids = std::move(asked.stop_ids);
  // Greedy requests leave the choice to the backend, which then need not hand out its logits.
  if (!asked.sampling.greedy() || asked.logprobs >= 0) {
    request.pick = [this, id = asked.id, n_top = asked.logprobs,
                    sampler = std::make_shared<Sampler>(asked.sampling)](std::span<const float> logits) {
      const std::int32_t token = sampler->sample(logits);
      if (n_top >= 0) reports_[id] = {logprob_of(logits, token), likeliest_tokens(logits, n_top)};
      return token;
    };
  }
  scheduler_.submit(std::move(request));
}

void GenerationWorker::note_token(RequestId id, std::int32_t token, std::uint64_t time_ns) {
  GenerationEvent event;
  event.id = id;
  event.time_ns = time_ns;
  event.token = token;
  if (const auto report = reports_.find(id); report != reports_.end()) {
    event.logprob = report->second.logprob;
    event.top = std::move(report->second.top);
  }
  events_.push_back(std::move(event));
}

void GenerationWorker::note_end(const RequestOutcome& outcome) {
  reports_.erase(outcome.id);
  GenerationEvent event;
  event.id = outcome.id;
  event.ended = true;
  event.time_ns = outcome.end_ns;
  event.reason = outcome.reason;
  event.error = outcome.error;
  event.submit_ns = outcome.submit_ns;
  event.admitted_ns = outcome.admitted_ns;
  events_.push_back(std::move(event));
}

}  // namespace inferbench
