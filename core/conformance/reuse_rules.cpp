// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/rules.hpp"
#include "measure/clock.hpp"

namespace inferbench::conformance {

namespace {

// A cache makes a prompt tens of times faster. Nothing else makes it three times as fast both in most rounds and at
// best.
constexpr double kTooFast = 3;
constexpr int kRounds = 7;
constexpr int kEnoughAgree = 6;
constexpr int kDecodeSteps = 8;
constexpr std::int32_t kMostSequences = 16;
constexpr double kLongEnoughMs = 10;

std::string declares_a_cache(const Subject& subject) {
  const bool declared = (subject.table().flags & IB_FLAG_PROMPT_CACHE) != 0;
  return declared ? "the table declares a prompt cache" : "";
}

/// The kinds of prompt that are compared with a new one.
enum class Prompt : std::size_t { kNew, kSameSession, kOtherSession, kSameBeginning };
constexpr std::size_t kKinds = 4;
constexpr std::array<std::string_view, kKinds> kKindNames{"a new prompt", "the same prompt again",
                                                          "the same prompt in another session",
                                                          "a prompt that begins like an earlier one"};

struct RequestTimes {
  double prefill_ms = 0;
  double decode_ms = 0;
};

struct ReuseTimes {
  std::string_view phase;
  std::array<std::vector<double>, kKinds> ms;  ///< by kind and round
};

/// Prompts for a batch that is wide enough to be timed.
class Requests {
 public:
  Requests(std::int32_t vocab, std::size_t length) : vocab_(vocab), length_(length) {}

  void widen() { n_sequences_ *= 2; }
  std::int32_t n_sequences() const { return n_sequences_; }

  /// Never the same prompts twice. The first `beginning` tokens are those of request `of`.
  Batch make(std::uint64_t number, std::size_t beginning = 0, std::uint64_t of = 0) const {
    Batch batch;
    for (std::int32_t slot = 0; slot < n_sequences_; ++slot) {
      auto ids = test_tokens(length_, seed(number, slot), vocab_);
      const auto shared = test_tokens(beginning, seed(of, slot), vocab_);
      std::copy(shared.begin(), shared.end(), ids.begin());
      batch.add(slot, std::move(ids));
    }
    return batch;
  }

 private:
  static std::uint64_t seed(std::uint64_t number, std::int32_t slot) {
    return 1'000'000 + number * static_cast<std::uint64_t>(kMostSequences) + static_cast<std::uint64_t>(slot);
  }

  std::int32_t vocab_;
  std::size_t length_;
  std::int32_t n_sequences_ = 1;
};

// Times the prompts, then a few more tokens of each sequence. The session is empty before and after.
RequestTimes time_request(const Session& session, const Requests& requests, const Batch& prompts) {
  const std::uint64_t begin = now_ns();
  std::vector<std::int32_t> ids = prompts.greedy(session);
  const std::uint64_t prefilled = now_ns();
  for (int step = 0; step < kDecodeSteps; ++step) {
    Batch next;
    for (std::int32_t slot = 0; slot < requests.n_sequences(); ++slot) {
      next.add(slot, {ids[static_cast<std::size_t>(slot)]});
    }
    ids = next.greedy(session);
  }
  const std::uint64_t end = now_ns();
  for (std::int32_t slot = 0; slot < requests.n_sequences(); ++slot) session.truncate(slot);
  return {elapsed_ms(begin, prefilled), elapsed_ms(prefilled, end)};
}

int agreeing_rounds(const ReuseTimes& series, Prompt kind) {
  const std::vector<double>& fresh = series.ms[0];
  const std::vector<double>& again = series.ms[static_cast<std::size_t>(kind)];
  int agreeing = 0;
  for (std::size_t round = 0; round < fresh.size(); ++round) agreeing += again[round] * kTooFast < fresh[round] ? 1 : 0;
  return agreeing;
}

// Other programs can only make a request slower, so the least of several times is the backend's own. If the load comes
// and goes, few rounds are disturbed on one side only.
void judge_reuse(Check& check, const ReuseTimes& series, Prompt kind) {
  const auto index = static_cast<std::size_t>(kind);
  const std::vector<double>& fresh = series.ms[0];
  const std::vector<double>& again = series.ms[index];
  const int agreeing = agreeing_rounds(series, kind);
  const double least_fresh = *std::min_element(fresh.begin(), fresh.end());
  const double least_again = *std::min_element(again.begin(), again.end());
  check.expect(least_again * kTooFast >= least_fresh || agreeing < kEnoughAgree,
               fmt::format("{} of {} takes {:.3g} ms, {} takes {:.3g} ms: results are reused", series.phase,
                           kKindNames[index], least_again, kKindNames[0], least_fresh));
}

void prompts_are_computed(Check& check) {
  TestModel weights(large_config(check.subject().features()));
  const Candidate model(check.subject(), weights.desc());
  const auto length = static_cast<std::size_t>(weights.config().max_positions);
  Requests requests(model.vocab(), length - kDecodeSteps);
  auto session = std::make_unique<Session>(model);
  std::uint64_t number = 0;
  const auto fresh = [&] { return time_request(*session, requests, requests.make(++number)); };
  static_cast<void>(fresh());  // wakes threads and creates what a backend prepares for a shape
  while (fresh().prefill_ms < kLongEnoughMs && requests.n_sequences() < kMostSequences) {
    requests.widen();
    session = std::make_unique<Session>(model, requests.n_sequences());
    static_cast<void>(fresh());
  }
  const Session other(model, requests.n_sequences());
  static_cast<void>(time_request(other, requests, requests.make(++number)));

  struct Suspicion {
    std::size_t phase;
    Prompt kind;
  };
  constexpr std::array<Suspicion, 5> kSuspicions{{{0, Prompt::kSameSession},
                                                  {1, Prompt::kSameSession},
                                                  {0, Prompt::kOtherSession},
                                                  {1, Prompt::kOtherSession},
                                                  {0, Prompt::kSameBeginning}}};
  std::array<ReuseTimes, 2> phases{ReuseTimes{"a prefill", {}}, ReuseTimes{"decoding", {}}};
  // Ends as soon as too few rounds are left for any suspicion to hold.
  const auto is_open = [&](int rounds) {
    return std::any_of(kSuspicions.begin(), kSuspicions.end(), [&](const Suspicion& one) {
      return agreeing_rounds(phases[one.phase], one.kind) + kRounds - rounds >= kEnoughAgree;
    });
  };
  for (int round = 0; round < kRounds && is_open(round); ++round) {
    const auto add = [&](Prompt kind, const Session& where, const Batch& batch) {
      const RequestTimes times = time_request(where, requests, batch);
      phases[0].ms[static_cast<std::size_t>(kind)].push_back(times.prefill_ms);
      phases[1].ms[static_cast<std::size_t>(kind)].push_back(times.decode_ms);
    };
    const std::uint64_t of = ++number;
    const Batch prompts = requests.make(of);
    add(Prompt::kNew, *session, prompts);
    add(Prompt::kSameSession, *session, prompts);
    add(Prompt::kOtherSession, other, prompts);
    add(Prompt::kSameBeginning, *session, requests.make(++number, length * 15 / 16, of));
  }
  for (const Suspicion& one : kSuspicions) judge_reuse(check, phases[one.phase], one.kind);
}

constexpr Rule kReuseRules[] = {{"reuse.prompts_are_computed",
                                 "a repeated prompt is computed again, unless the table declares IB_FLAG_PROMPT_CACHE",
                                 prompts_are_computed, declares_a_cache}};

}  // namespace

std::span<const Rule> reuse_rules() {
  return kReuseRules;
}

}  // namespace inferbench::conformance
