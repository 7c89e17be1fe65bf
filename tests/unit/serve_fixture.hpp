// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "serve/scheduler.hpp"

namespace inferbench {

/// An engine that computes nothing: a forward call only lets simulated time pass. The next token of a sequence is its
/// number of positions, so that a lost or repeated token shows.
class SimulatedEngine : public Engine {
 public:
  using Cost = std::function<std::uint64_t(std::span<const ib_sequence> sequences)>;
  static constexpr std::int32_t kVocab = 1 << 20;

  explicit SimulatedEngine(Cost cost) : cost_(std::move(cost)) {}

  void forward(std::span<const ib_sequence> sequences, std::span<std::int32_t> ids, std::span<float> logits) override {
    calls.emplace_back();
    for (const ib_sequence& sequence : sequences) calls.back().emplace_back(sequence.slot, sequence.n_tokens);
    if (!keep_calls) calls.clear();
    now += cost_(sequences);
    if (fail_next) {
      fail_next = false;
      throw std::runtime_error("planted failure");
    }
    std::size_t id = 0;
    std::size_t row = 0;
    for (const ib_sequence& sequence : sequences) {
      std::int32_t& held = held_[sequence.slot];
      held += sequence.n_tokens;
      if (sequence.output == IB_OUTPUT_GREEDY) ids[id++] = held;
      if (sequence.output == IB_OUTPUT_LAST_LOGITS) logits[static_cast<std::size_t>(kVocab) * row++] = 1;
    }
  }

  void truncate(std::int32_t slot, std::int32_t n_past) override {
    if (fail_truncate) throw std::runtime_error("planted loss");
    held_[slot] = n_past;
  }

  std::int32_t vocab() const override { return kVocab; }
  std::int32_t held(std::int32_t slot) { return held_[slot]; }

  std::uint64_t now = 0;  ///< simulated nanoseconds
  bool fail_next = false;
  bool fail_truncate = false;
  bool keep_calls = true;
  std::vector<std::vector<std::pair<std::int32_t, std::int32_t>>> calls;  ///< slot and tokens of each sequence

 private:
  Cost cost_;
  std::map<std::int32_t, std::int32_t> held_;
};

}  // namespace inferbench
