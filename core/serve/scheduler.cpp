// SPDX-License-Identifier: Apache-2.0
#include "serve/scheduler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include "support/counted.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

// An id that no engine writes: it reveals one that writes nothing.
constexpr std::int32_t kUnwrittenId = std::numeric_limits<std::int32_t>::min();

void check_options(const SchedulerOptions& options) {
  if (options.max_batch < 1) throw std::invalid_argument("Scheduler: max_batch is below 1");
  if (options.max_tokens < 1) throw std::invalid_argument("Scheduler: max_tokens is below 1");
  // Otherwise the decoding requests alone could exceed it.
  if (options.token_budget < options.max_batch) {
    throw std::invalid_argument("Scheduler: token_budget is below max_batch");
  }
}

}  // namespace

// The last token is emitted but never fed.
std::int64_t Scheduler::Entry::positions() const {
  return static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens - 1;
}

Scheduler::Scheduler(const SchedulerOptions& options, Engine& engine, std::function<std::uint64_t()> clock,
                     SchedulerEvents events)
    : options_(options), engine_(engine), clock_(std::move(clock)), events_(std::move(events)) {
  check_options(options_);
  if (options_.kv_positions == 0) options_.kv_positions = std::int64_t{options_.max_batch} * options_.max_tokens;
  const auto slots = static_cast<std::size_t>(options_.max_batch);
  slots_.resize(slots);
  free_.reserve(slots);
  for (std::int32_t slot = options_.max_batch - 1; slot >= 0; --slot) free_.push_back(slot);
  order_.reserve(slots);
  sequences_.reserve(slots);
  ids_.reserve(slots);
}

std::string Scheduler::refusal(const Request& request) const {
  if (!lost_.empty()) return lost_;
  if (request.prompt.empty()) return "the prompt has no tokens";
  if (request.max_tokens < 1) return "no tokens are wanted";
  const std::int64_t needed = static_cast<std::int64_t>(request.prompt.size()) + request.max_tokens - 1;
  const std::int64_t room = std::min<std::int64_t>(options_.max_tokens, options_.kv_positions);
  if (needed > room) {
    return fmt::format("{} and {} need {}, the context has {}", counted(request.prompt.size(), "prompt token"),
                       counted(request.max_tokens, "generated token"), counted(needed, "position"), room);
  }
  const std::int32_t vocab = engine_.vocab();
  const auto wrong = std::find_if(request.prompt.begin(), request.prompt.end(),
                                  [&](std::int32_t id) { return id < 0 || id >= vocab; });
  if (wrong != request.prompt.end()) {
    return fmt::format("prompt token {} is outside the vocabulary of {}", *wrong, vocab);
  }
  return {};
}

void Scheduler::submit(Request request) {
  Entry entry;
  entry.outcome.id = request.id;
  entry.outcome.prompt_tokens = static_cast<std::int32_t>(request.prompt.size());
  entry.outcome.wanted_tokens = request.max_tokens;
  entry.outcome.arrival_ns = request.arrival_ns;
  entry.outcome.submit_ns = clock_();
  const std::string problem = refusal(request);
  entry.request = std::move(request);
  if (!problem.empty()) {
    const std::uint64_t now = entry.outcome.submit_ns;
    finish(std::move(entry), lost_.empty() ? FinishReason::kRefused : FinishReason::kFailed, now, problem);
    return;
  }
  // Here, so that a step does not allocate for each token.
  entry.outcome.ids.reserve(static_cast<std::size_t>(entry.request.max_tokens));
  entry.outcome.tokens_ns.reserve(static_cast<std::size_t>(entry.request.max_tokens));
  waiting_.push_back(std::move(entry));
}

void Scheduler::cancel(RequestId id) {
  cancelled_.insert(id);
}

StepReport Scheduler::step() {
  StepReport report;
  report.begin_ns = clock_();
  drop_cancelled(report.begin_ns);
  admit(report.begin_ns);
  form_call(report);
  if (!sequences_.empty() && run_call(report)) hand_out(report.forward_end_ns);
  report.end_ns = report.ran() ? clock_() : report.begin_ns;
  return report;
}

void Scheduler::drop_cancelled(std::uint64_t now) {
  if (cancelled_.empty()) return;
  // A receiver of `finished` may cancel others; those are for the next step.
  const std::unordered_set<RequestId> cancelled = std::exchange(cancelled_, {});
  const auto is_cancelled = [&](const Entry& entry) { return cancelled.count(entry.request.id) != 0; };
  const std::vector<std::int32_t> running = order_;
  for (const std::int32_t slot : running) {
    const auto& entry = slots_[static_cast<std::size_t>(slot)];
    if (entry && is_cancelled(*entry)) end_running(slot, FinishReason::kCancelled, now);
  }
  std::deque<Entry> kept;
  std::deque<Entry> dropped;
  for (Entry& entry : waiting_) (is_cancelled(entry) ? dropped : kept).push_back(std::move(entry));
  waiting_ = std::move(kept);
  for (Entry& entry : dropped) finish(std::move(entry), FinishReason::kCancelled, now, {});
}

void Scheduler::admit(std::uint64_t now) {
  while (!waiting_.empty() && !free_.empty() && reserved_ + waiting_.front().positions() <= options_.kv_positions) {
    const std::int32_t slot = free_.back();
    free_.pop_back();
    std::optional<Entry>& entry = slots_[static_cast<std::size_t>(slot)];
    entry.emplace(std::move(waiting_.front()));
    waiting_.pop_front();
    entry->outcome.admitted_ns = now;
    entry->outcome.slot = slot;
    reserved_ += entry->positions();
    order_.push_back(slot);
  }
}

void Scheduler::form_call(StepReport& report) {
  sequences_.clear();
  const auto entry_of = [&](std::int32_t slot) -> const Entry& { return *slots_[static_cast<std::size_t>(slot)]; };
  const bool prompts =
      std::any_of(order_.begin(), order_.end(), [&](std::int32_t slot) { return entry_of(slot).prompt_left() > 0; });
  std::int32_t budget = options_.token_budget;
  if (!prompts || options_.policy == SchedulePolicy::kChunked) {
    for (const std::int32_t slot : order_) {
      if (entry_of(slot).prompt_left() > 0) continue;
      add_sequence(slot, 1);
      ++report.decode_tokens;
      --budget;
    }
  }
  if (prompts) {
    for (const std::int32_t slot : order_) {
      const std::int32_t piece = std::min(entry_of(slot).prompt_left(), budget);
      if (piece <= 0) continue;
      add_sequence(slot, piece);
      report.prefill_tokens += piece;
      budget -= piece;
    }
  }
  report.sequences = static_cast<std::int32_t>(sequences_.size());
}

void Scheduler::add_sequence(std::int32_t slot, std::int32_t n_tokens) {
  const Entry& entry = *slots_[static_cast<std::size_t>(slot)];
  const std::int32_t left = entry.prompt_left();
  const std::int32_t* const tokens = left > 0 ? entry.request.prompt.data() + entry.held : &entry.outcome.ids.back();
  std::int32_t output = IB_OUTPUT_NONE;
  if (n_tokens >= left) output = entry.request.pick ? IB_OUTPUT_LAST_LOGITS : IB_OUTPUT_GREEDY;
  sequences_.push_back({slot, n_tokens, tokens, output, 0});
}

bool Scheduler::run_call(StepReport& report) {
  const auto count = [&](std::int32_t output) {
    return static_cast<std::size_t>(std::count_if(sequences_.begin(), sequences_.end(),
                                                  [&](const ib_sequence& one) { return one.output == output; }));
  };
  ids_.assign(count(IB_OUTPUT_GREEDY), kUnwrittenId);
  logits_.resize(count(IB_OUTPUT_LAST_LOGITS) * static_cast<std::size_t>(engine_.vocab()));
  report.forward_begin_ns = clock_();
  std::string error;
  try {
    engine_.forward(sequences_, ids_, logits_);
  } catch (const std::exception& failure) {
    error = one_line(failure.what());
    if (error.empty()) error = "the engine failed";
  }
  report.forward_end_ns = clock_();
  if (error.empty()) return true;
  for (const ib_sequence& sequence : sequences_) {
    if (slots_[static_cast<std::size_t>(sequence.slot)]) {
      end_running(sequence.slot, FinishReason::kFailed, report.forward_end_ns, error);
    }
  }
  return false;
}

void Scheduler::hand_out(std::uint64_t forward_end_ns) {
  const auto vocab = static_cast<std::size_t>(engine_.vocab());
  const std::int32_t* id = ids_.data();
  std::span<const float> rows = logits_;
  for (const ib_sequence& sequence : sequences_) {
    std::optional<Entry>& entry = slots_[static_cast<std::size_t>(sequence.slot)];
    if (!entry) continue;  // the engine was lost while an earlier sequence of this call ended
    entry->held += sequence.n_tokens;
    if (sequence.output == IB_OUTPUT_NONE) continue;
    const bool greedy = sequence.output == IB_OUTPUT_GREEDY;
    const std::span<const float> row = greedy ? std::span<const float>{} : rows.first(vocab);
    if (!greedy) rows = rows.subspan(vocab);
    std::optional<FinishReason> reason;
    std::string error;
    try {
      reason = take_token(*entry, greedy ? id++ : nullptr, row, forward_end_ns);
    } catch (const std::exception& failure) {
      reason = FinishReason::kFailed;
      error = one_line(failure.what());
    }
    if (!reason) continue;
    const bool good = *reason != FinishReason::kFailed;
    end_running(sequence.slot, *reason, good ? entry->outcome.tokens_ns.back() : clock_(), error);
  }
}

std::optional<FinishReason> Scheduler::take_token(Entry& entry, const std::int32_t* id, std::span<const float> logits,
                                                  std::uint64_t forward_end_ns) {
  const std::int32_t token = id != nullptr ? *id : entry.request.pick(logits);
  if (token < 0 || token >= engine_.vocab()) {
    throw std::runtime_error(token == kUnwrittenId
                                 ? "the engine wrote no id"
                                 : fmt::format("id {} is outside the vocabulary of {}", token, engine_.vocab()));
  }
  const std::uint64_t time = id != nullptr ? forward_end_ns : clock_();
  entry.outcome.ids.push_back(token);
  entry.outcome.tokens_ns.push_back(time);
  const bool wants_more = !events_.token || events_.token(entry.request.id, token, time);
  const std::vector<std::int32_t>& stops = entry.request.stop_ids;
  if (!wants_more || std::find(stops.begin(), stops.end(), token) != stops.end()) return FinishReason::kStop;
  if (static_cast<std::int32_t>(entry.outcome.ids.size()) == entry.request.max_tokens) return FinishReason::kLength;
  return std::nullopt;
}

void Scheduler::end_running(std::int32_t slot, FinishReason reason, std::uint64_t now, const std::string& error) {
  std::optional<Entry>& place = slots_[static_cast<std::size_t>(slot)];
  Entry entry = std::move(*place);
  place.reset();
  order_.erase(std::find(order_.begin(), order_.end(), slot));
  reserved_ -= entry.positions();
  std::string problem;
  try {
    engine_.truncate(slot, 0);
    free_.push_back(slot);
  } catch (const std::exception& failure) {
    problem = fmt::format("the engine is lost: {}", one_line(failure.what()));
  }
  finish(std::move(entry), reason, now, error);
  if (!problem.empty() && lost_.empty()) lose_engine(problem, now);
}

// Nothing can run any more: everything ends now.
void Scheduler::lose_engine(const std::string& error, std::uint64_t now) {
  lost_ = error;
  while (!order_.empty()) end_running(order_.front(), FinishReason::kFailed, now, error);
  std::deque<Entry> waiting = std::exchange(waiting_, {});
  for (Entry& entry : waiting) finish(std::move(entry), FinishReason::kFailed, now, error);
}

void Scheduler::finish(Entry entry, FinishReason reason, std::uint64_t now, const std::string& error) {
  entry.outcome.reason = reason;
  entry.outcome.end_ns = now;
  entry.outcome.error = error;
  events_.finished(std::move(entry.outcome));
}

}  // namespace inferbench
