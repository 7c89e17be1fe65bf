// SPDX-License-Identifier: Apache-2.0
#include "measure/trial.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "measure/clock.hpp"
#include "support/random.hpp"

namespace inferbench {

namespace {

constexpr double kMsPerS = 1000;

// An id that no backend writes, not even a broken one that tends to write -1 or 0: it reveals a backend that writes
// nothing.
constexpr std::int32_t kNoId = std::numeric_limits<std::int32_t>::min();

}  // namespace

TrialMetrics derive_metrics(const TrialTimes& times, std::int32_t batch, std::int32_t prompt_tokens) {
  if (times.tokens.empty()) throw std::invalid_argument("derive_metrics: no token");
  TrialMetrics metrics;
  const std::uint64_t first = times.tokens.front();
  const std::uint64_t last = times.tokens.back();
  metrics.ttft_ms = elapsed_ms(times.submit, first);
  metrics.e2e_ms = elapsed_ms(times.submit, last);
  metrics.prefill_tokens_per_s = kMsPerS * batch * prompt_tokens / metrics.ttft_ms;
  metrics.inter_token_ms.reserve(times.tokens.size() - 1);
  for (std::size_t i = 1; i < times.tokens.size(); ++i) {
    metrics.inter_token_ms.push_back(elapsed_ms(times.tokens[i - 1], times.tokens[i]));
  }
  if (times.tokens.size() > 1) {
    const double decode_ms = elapsed_ms(first, last);
    const auto intervals = static_cast<double>(times.tokens.size() - 1);
    metrics.decode_ms_per_token = decode_ms / intervals;
    metrics.decode_tokens_per_s = kMsPerS * batch * intervals / decode_ms;
  }
  return metrics;
}

TrialLoop::TrialLoop(std::int32_t batch, std::int32_t prompt_tokens, std::int32_t generate_tokens,
                     std::span<const std::int32_t> prompts, std::int32_t vocab, std::int32_t past_tokens)
    : batch_(batch),
      prompt_tokens_(prompt_tokens),
      generate_tokens_(generate_tokens),
      past_tokens_(past_tokens),
      vocab_(vocab),
      prompts_(prompts.begin(), prompts.end()) {
  if (batch < 1 || prompt_tokens < 1 || generate_tokens < 1 || past_tokens < 0) {
    throw std::invalid_argument("TrialLoop: empty trial");
  }
  if (vocab < 1) throw std::invalid_argument("TrialLoop: empty vocabulary");
  const auto rows = static_cast<std::size_t>(batch);
  if (prompts.size() != rows * (static_cast<std::size_t>(past_tokens) + static_cast<std::size_t>(prompt_tokens))) {
    throw std::invalid_argument("TrialLoop: prompts are not [batch, past_tokens + prompt_tokens]");
  }
  ids_.assign(rows * static_cast<std::size_t>(generate_tokens), kNoId);
  sequences_.resize(rows);
  times_.tokens.assign(static_cast<std::size_t>(generate_tokens), 0);
}

const std::int32_t* TrialLoop::tokens_of(std::size_t row, std::int32_t position) const {
  const auto length = static_cast<std::size_t>(past_tokens_) + static_cast<std::size_t>(prompt_tokens_);
  return prompts_.data() + row * length + static_cast<std::size_t>(position);
}

ib_status TrialLoop::fill(const SessionCall& call, std::int32_t chunk, ib_error& error) {
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = sequences_.data();
  params.n_sequences = batch_;
  ib_status status = IB_OK;
  for (std::int32_t begin = 0; status == IB_OK && begin < past_tokens_; begin += chunk) {
    const std::int32_t n = std::min(chunk, past_tokens_ - begin);
    for (std::size_t row = 0; row < sequences_.size(); ++row) {
      sequences_[row] = {static_cast<std::int32_t>(row), n, tokens_of(row, begin), IB_OUTPUT_NONE, 0};
    }
    status = call.forward(call.session, &params, &error);
  }
  return status;
}

ib_status TrialLoop::run(const SessionCall& call, ib_error& error) {
  const auto rows = static_cast<std::size_t>(batch_);
  const auto steps = static_cast<std::size_t>(generate_tokens_);
  ids_.assign(ids_.size(), kNoId);  // same size: no allocation; touches every page before the clock starts
  times_.tokens.assign(steps, 0);
  wrong_id_.reset();
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = sequences_.data();
  params.n_sequences = batch_;
  params.ids_capacity = rows;
  params.ids = ids_.data();
  for (std::size_t row = 0; row < rows; ++row) {
    sequences_[row] = {static_cast<std::int32_t>(row), prompt_tokens_, tokens_of(row, past_tokens_), IB_OUTPUT_GREEDY,
                       0};
  }

  times_.submit = now_ns();
  ib_status status = call.forward(call.session, &params, &error);
  times_.tokens[0] = now_ns();
  for (std::size_t step = 1; status == IB_OK && take_ids(step - 1) && step < steps; ++step) {
    params.ids = ids_.data() + step * rows;
    status = call.forward(call.session, &params, &error);
    times_.tokens[step] = now_ns();
  }
  return status;
}

// Makes the ids of a step the input of the next call. Returns false and sets wrong_id_ if an id must not be fed.
bool TrialLoop::take_ids(std::size_t step) {
  const auto rows = static_cast<std::size_t>(batch_);
  const std::int32_t* emitted = ids_.data() + step * rows;
  bool good = true;
  for (std::size_t row = 0; row < rows; ++row) {
    sequences_[row] = {static_cast<std::int32_t>(row), 1, emitted + row, IB_OUTPUT_GREEDY, 0};
    // As unsigned numbers, negative ids are too large as well.
    good &= static_cast<std::uint32_t>(emitted[row]) < static_cast<std::uint32_t>(vocab_);
  }
  if (!good) find_wrong_id(step);
  return good;
}

void TrialLoop::find_wrong_id(std::size_t step) {
  const auto rows = static_cast<std::size_t>(batch_);
  for (std::size_t row = 0; row < rows; ++row) {
    const std::int32_t id = ids_[step * rows + row];
    if (id >= 0 && id < vocab_) continue;
    wrong_id_ = {static_cast<std::int32_t>(step), static_cast<std::int32_t>(row), std::nullopt};
    if (id != kNoId) wrong_id_->id = id;
    return;
  }
}

std::vector<ib_sequence> TrialLoop::last_fed() const {
  const auto rows = static_cast<std::size_t>(batch_);
  const std::size_t before_last = static_cast<std::size_t>(generate_tokens_) - 1;
  std::vector<ib_sequence> fed;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::int32_t* token = before_last == 0 ? tokens_of(row, past_tokens_ + prompt_tokens_ - 1)
                                                 : ids_.data() + (before_last - 1) * rows + row;
    fed.push_back({static_cast<std::int32_t>(row), 1, token, IB_OUTPUT_LAST_LOGITS, 0});
  }
  return fed;
}

std::string describe(const WrongId& wrong, std::int32_t vocab) {
  const std::string place = fmt::format("token {} of sequence {}", wrong.token, wrong.sequence);
  if (!wrong.id) return place + ": the backend wrote no id";
  return fmt::format("{}: id {} is outside the vocabulary of {}", place, *wrong.id, vocab);
}

std::string digest_of(std::span<const std::int32_t> ids) {
  Fnv1a64 hash;
  for (const std::int32_t id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash.add(static_cast<std::uint8_t>(static_cast<std::uint32_t>(id) >> shift));
    }
  }
  return fmt::format("{:016x}", hash.value());
}

}  // namespace inferbench
