// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "serve/engine.hpp"
#include "serve/request.hpp"

namespace inferbench {

/// What a forward call holds when some requests decode and others still have prompt tokens to feed.
enum class SchedulePolicy : std::int32_t {
  kChunked,       ///< a token of every decoding request first, then pieces of prompts up to the token budget
  kPrefillFirst,  ///< prompts alone, up to the token budget; decoding waits until no prompt is left
};

/// "chunked", "prefill_first".
std::string_view to_string(SchedulePolicy policy);
std::optional<SchedulePolicy> schedule_policy_from(std::string_view text);

struct SchedulerOptions {
  std::int32_t max_batch = 8;       ///< slots: requests that run at once, at least 1
  std::int32_t token_budget = 512;  ///< most tokens of one forward call, at least max_batch
  SchedulePolicy policy = SchedulePolicy::kChunked;
  std::int32_t max_tokens = 0;  ///< positions of a slot (context length), at least 1
  /// KV-cache positions of all slots together; a request is admitted when its prompt and its wanted tokens fit. 0:
  /// max_batch * max_tokens.
  std::int64_t kv_positions = 0;

  friend bool operator==(const SchedulerOptions&, const SchedulerOptions&) = default;
};

/// Receives what happens. Called inside submit and step, by their thread; may call submit and cancel, must not throw.
struct SchedulerEvents {
  /// A token, when it is known. Returning false ends the request with kStop after this token. May be empty.
  std::function<bool(RequestId id, std::int32_t token, std::uint64_t time_ns)> token;
  /// The request has ended; called exactly once for each. Not empty.
  std::function<void(RequestOutcome outcome)> finished;
};

/// What one step did.
struct StepReport {
  std::uint64_t begin_ns = 0;
  std::uint64_t forward_begin_ns = 0;  ///< 0 if there was nothing to run
  std::uint64_t forward_end_ns = 0;
  std::uint64_t end_ns = 0;
  std::int32_t prefill_tokens = 0;  ///< prompt tokens fed
  std::int32_t decode_tokens = 0;   ///< generated tokens fed
  std::int32_t sequences = 0;       ///< of the call; 0: nothing ran

  bool ran() const { return sequences > 0; }
};

/// Continuous batching: requests are admitted to slots first come, first served, and every step is one forward call for
/// all of them. It has no threads and no clock of its own; call from one thread. A request holds its slot from its
/// admission to its end; a request that does not fit yet holds back those behind it, so none starves.
class Scheduler {
 public:
  /// `engine` is borrowed and must outlive this object; its slots are empty. `clock` gives nanoseconds. Throws
  /// std::invalid_argument for options that make no sense.
  Scheduler(const SchedulerOptions& options, Engine& engine, std::function<std::uint64_t()> clock,
            SchedulerEvents events);

  /// Why the request could never run, as one line; empty if it can.
  std::string refusal(const Request& request) const;

  /// Queues the request. One that could never run, or that comes after the engine is lost, ends at once.
  void submit(Request request);

  /// Ends the request at the beginning of the next step, waiting or running; its slot is free in that step. Ids of
  /// requests that are not here are ignored.
  void cancel(RequestId id);

  /// Applies cancellations, admits requests, runs one forward call and hands out its tokens. Does not run anything if
  /// there is nothing to do. A failed forward call ends its requests as kFailed and is not thrown.
  StepReport step();

  /// Nothing waits or runs.
  bool idle() const { return waiting_.empty() && order_.empty(); }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t running() const { return order_.size(); }
  const SchedulerOptions& options() const { return options_; }

  /// The error after which the engine can't be used, as one line; empty: none.
  const std::string& lost() const { return lost_; }

 private:
  struct Entry {
    Request request;
    RequestOutcome outcome;
    std::int32_t held = 0;  ///< positions in the KV cache

    std::int32_t prompt_left() const { return static_cast<std::int32_t>(request.prompt.size()) - held; }
    std::int64_t positions() const;
  };

  void drop_cancelled(std::uint64_t now);
  void admit(std::uint64_t now);
  void form_call(StepReport& report);
  void add_sequence(std::int32_t slot, std::int32_t n_tokens);
  bool run_call(StepReport& report);
  void hand_out(std::uint64_t forward_end_ns);
  /// Takes the request's next token. Returns why the request ends now, if it does.
  std::optional<FinishReason> take_token(Entry& entry, const std::int32_t* id, std::span<const float> logits,
                                         std::uint64_t forward_end_ns);
  void end_running(std::int32_t slot, FinishReason reason, std::uint64_t now, const std::string& error = {});
  void lose_engine(const std::string& error, std::uint64_t now);
  void finish(Entry entry, FinishReason reason, std::uint64_t now, const std::string& error);

  SchedulerOptions options_;
  Engine& engine_;
  std::function<std::uint64_t()> clock_;
  SchedulerEvents events_;
  std::deque<Entry> waiting_;
  std::vector<std::optional<Entry>> slots_;
  std::vector<std::int32_t> free_;   ///< slots, the next to be used last
  std::vector<std::int32_t> order_;  ///< slots in use, by admission
  std::int64_t reserved_ = 0;        ///< KV positions of the requests that run
  std::unordered_set<RequestId> cancelled_;
  std::string lost_;
  // The present call. Kept to reuse their memory.
  std::vector<ib_sequence> sequences_;
  std::vector<std::int32_t> ids_;
  std::vector<float> logits_;
};

}  // namespace inferbench
