// SPDX-License-Identifier: Apache-2.0
// Remembers results in its process and computes nothing the second time: an undeclared cache. `fault` selects what it
// remembers: entire sequences (no fault), every prefix of a sequence ("beginnings"), or what one session saw
// ("session").
#include <cstdint>
#include <unordered_set>

#include "toy_backend.hpp"

namespace {

class Session : public toy::Session {
 public:
  using toy::Session::Session;

  void forward(const ib_forward_params& params) {
    lengths().check(params);
    std::int64_t computed = 0;
    for (std::int32_t i = 0; i < params.n_sequences; ++i) computed += tokens_to_compute(params.sequences[i]);
    toy::spin(computed * model().spin_us);
    advance(params);
  }

 private:
  std::int64_t tokens_to_compute(const ib_sequence& sequence) {
    std::uint64_t hash = 0xCBF29CE484222325U;
    const auto mix = [&](std::int32_t id) { hash = (hash ^ static_cast<std::uint32_t>(id)) * 0x100000001B3U; };
    for (const std::int32_t id : history(sequence.slot)) mix(id);
    std::int64_t unknown = 0;
    for (std::int32_t i = 0; i < sequence.n_tokens; ++i) {
      mix(sequence.tokens[i]);
      const bool whole = i + 1 == sequence.n_tokens;
      if (model().fault == "beginnings") {
        unknown += memory().insert(hash).second ? 1 : 0;
      } else if (whole && memory().insert(hash).second) {
        unknown = sequence.n_tokens;
      }
    }
    return unknown;
  }

  std::unordered_set<std::uint64_t>& memory() {
    static std::unordered_set<std::uint64_t> of_process;
    return model().fault == "session" ? of_session_ : of_process;
  }

  std::unordered_set<std::uint64_t> of_session_;
};

}  // namespace

TOY_BACKEND(toy::make_table<toy::Context, toy::Model, Session>("memo", "remembers prompts for the life of its process"))
