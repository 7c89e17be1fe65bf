// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench {

/// The raw forward of one session: what the clock runs around.
struct SessionCall {
  ib_session* session = nullptr;
  ib_status (*forward)(ib_session*, const ib_forward_params*, ib_error*) = nullptr;
};

/// When things happened, in nanoseconds of CLOCK_MONOTONIC.
struct TrialTimes {
  std::uint64_t submit = 0;           ///< just before the prefill
  std::vector<std::uint64_t> tokens;  ///< [i]: the forward that emitted token i of every sequence had returned
};

/// The metrics of DESIGN section 5, from the times alone.
struct TrialMetrics {
  double ttft_ms = 0;               ///< submit to first token
  double prefill_tokens_per_s = 0;  ///< prompt tokens of all sequences over ttft
  double e2e_ms = 0;                ///< submit to last token
  /// (last token - first token) / (n - 1); absent for n = 1.
  std::optional<double> decode_ms_per_token;
  /// Of all sequences: batch (n - 1) / (last token - first token); absent for n = 1.
  std::optional<double> decode_tokens_per_s;
  std::vector<double> inter_token_ms;  ///< all n - 1 gaps, raw
};

/// `times.tokens` has n >= 1 entries, ascending.
TrialMetrics derive_metrics(const TrialTimes& times, std::int32_t batch, std::int32_t prompt_tokens);

/// A token that a backend emitted, or left out, and that no sequence of its model can hold.
struct WrongId {
  std::int32_t token = 0;          ///< of the generated ones, from 0
  std::int32_t sequence = 0;       ///< of the batch, from 0
  std::optional<std::int32_t> id;  ///< absent: the backend wrote none
};

/// "token 3 of sequence 0: id 70000 is outside the vocabulary of 1024"
std::string describe(const WrongId& wrong, std::int32_t vocab);

/// One prefill and n - 1 greedy decode steps, at a depth if asked for. The constructor allocates all that `run` needs;
/// `run` allocates, prints and sends nothing.
class TrialLoop {
 public:
  /// `prompts`: row-major [batch, past_tokens + prompt_tokens], copied. All counts at least 1, past_tokens at least 0.
  /// `vocab`: ids are 0 to vocab - 1. Throws std::invalid_argument otherwise.
  TrialLoop(std::int32_t batch, std::int32_t prompt_tokens, std::int32_t generate_tokens,
            std::span<const std::int32_t> prompts, std::int32_t vocab, std::int32_t past_tokens = 0);

  /// Untimed, before `run`: puts the past tokens into the empty slots 0 to batch - 1, at most `chunk` of each sequence
  /// a forward. Does nothing where there are none. Statuses and errors as of `run`.
  ib_status fill(const SessionCall& call, std::int32_t chunk, ib_error& error);

  /// Slots 0 to batch - 1 of the session hold past_tokens positions before, and prompt_tokens + generate_tokens - 1
  /// more after. Stops at the first status other than IB_OK; `error` is the backend's. Stops, with IB_OK, at the first
  /// wrong id: it is never fed back. May be called again after the slots were truncated. An exception of the backend,
  /// which none may throw, comes out as it is. Between two forwards there are one clock reading, and a pointer update
  /// and a comparison per sequence.
  ib_status run(const SessionCall& call, ib_error& error);

  /// Why the latest run stopped early, if it was for an id.
  const std::optional<WrongId>& wrong_id() const { return wrong_id_; }

  const TrialTimes& times() const { return times_; }
  /// Row-major [generate_tokens, batch]: what was emitted.
  std::span<const std::int32_t> ids() const { return ids_; }

  /// After a complete run: the token that was fed last to each sequence, whose logits chose the last id. One token
  /// each.
  std::vector<ib_sequence> last_fed() const;

 private:
  const std::int32_t* tokens_of(std::size_t row, std::int32_t position) const;
  bool take_ids(std::size_t step);
  void find_wrong_id(std::size_t step);

  std::int32_t batch_;
  std::int32_t prompt_tokens_;
  std::int32_t generate_tokens_;
  std::int32_t past_tokens_;
  std::int32_t vocab_;
  std::vector<std::int32_t> prompts_;
  std::vector<std::int32_t> ids_;
  std::vector<ib_sequence> sequences_;
  TrialTimes times_;
  std::optional<WrongId> wrong_id_;
};

/// 64-bit FNV-1a over the ids' little-endian bytes, as 16 hex digits: equal digests, equal output.
std::string digest_of(std::span<const std::int32_t> ids);

}  // namespace inferbench
