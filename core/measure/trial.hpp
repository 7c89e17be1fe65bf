// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "inferbench/backend.h"

namespace inferbench {

/// The raw forward call of one session: the timed part.
struct SessionCall {
  ib_session* session = nullptr;
  ib_status (*forward)(ib_session*, const ib_forward_params*, ib_error*) = nullptr;
};

/// Time stamps in nanoseconds of CLOCK_MONOTONIC.
struct TrialTimes {
  std::uint64_t submit = 0;           ///< just before the prefill call
  std::vector<std::uint64_t> tokens;  ///< [i]: when the forward that emitted token i of every sequence returned
};

/// The metrics of one trial, computed from the times alone.
struct TrialMetrics {
  double ttft_ms = 0;               ///< submit to first token
  double prefill_tokens_per_s = 0;  ///< prompt tokens of all sequences over ttft
  double e2e_ms = 0;                ///< submit to last token
  /// (last token - first token) / (n - 1); absent for n = 1.
  std::optional<double> decode_ms_per_token;
  /// Over all sequences: batch (n - 1) / (last token - first token); absent for n = 1.
  std::optional<double> decode_tokens_per_s;
  std::vector<double> inter_token_ms;  ///< all n - 1 gaps, raw
};

/// `times.tokens` has n >= 1 entries, ascending.
TrialMetrics derive_metrics(const TrialTimes& times, std::int32_t batch, std::int32_t prompt_tokens);

/// An emitted or missing id that is not a token of the model's vocabulary.
struct WrongId {
  std::int32_t token = 0;          ///< index among the generated tokens, from 0
  std::int32_t sequence = 0;       ///< index in the batch, from 0
  std::optional<std::int32_t> id;  ///< absent: the backend wrote no id
};

/// "token 3 of sequence 0: id 70000 is outside the vocabulary of 1024"
std::string describe(const WrongId& wrong, std::int32_t vocab);

/// One prefill and n - 1 greedy decode steps, optionally after a given number of past tokens. The constructor allocates
/// everything that `run` needs; `run` allocates, prints and sends nothing.
class TrialLoop {
 public:
  /// `prompts`: row-major [batch, past_tokens + prompt_tokens], copied. All counts at least 1, past_tokens at least 0.
  /// `vocab`: ids are 0 to vocab - 1. Throws std::invalid_argument otherwise.
  TrialLoop(std::int32_t batch, std::int32_t prompt_tokens, std::int32_t generate_tokens,
            std::span<const std::int32_t> prompts, std::int32_t vocab, std::int32_t past_tokens = 0);

  /// Untimed, before `run`: puts the past tokens into the empty slots 0 to batch - 1, at most `chunk` per sequence and
  /// forward. Does nothing if there are none. Returns status and error like `run`.
  ib_status fill(const SessionCall& call, std::int32_t chunk, ib_error& error);

  /// Before the call, slots 0 to batch - 1 of the session hold past_tokens positions; after it they hold prompt_tokens
  /// + generate_tokens - 1 more. Stops at the first status other than IB_OK; `error` is the backend's. Stops, with
  /// IB_OK, at the first wrong id, which is never fed back. May be called again after the slots were truncated. A
  /// backend must not throw; if it does, the exception is passed on. The work between two forwards is one clock
  /// reading, and a pointer update and a comparison per sequence.
  ib_status run(const SessionCall& call, ib_error& error);

  /// The wrong id that stopped the latest run, if any.
  const std::optional<WrongId>& wrong_id() const { return wrong_id_; }

  const TrialTimes& times() const { return times_; }
  /// Row-major [generate_tokens, batch]: the emitted ids.
  std::span<const std::int32_t> ids() const { return ids_; }

  /// After a complete run: the last token that was fed to each sequence, whose logits determined the last id. One token
  /// per sequence, with the logits after it as the output.
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

/// 64-bit FNV-1a over the ids' little-endian bytes, as 16 hex digits: equal digests mean equal output.
std::string digest_of(std::span<const std::int32_t> ids);

}  // namespace inferbench
