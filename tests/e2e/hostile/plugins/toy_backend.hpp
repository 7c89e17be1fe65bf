// SPDX-License-Identifier: Apache-2.0
//
// A small backend that is easy to break: the base of every hostile plugin in this folder. Its "model" hashes the
// tokens of a slot; the hash selects the greedy id and the logits. So its output depends on every token and is the
// same in every process, but has no meaning. It meets every expectation of a host; a hostile plugin differs only in
// what it overrides.
//
//   class Session : public toy::Session {
//    public:
//     using toy::Session::Session;
//     void forward(const ib_forward_params& params) { ...; toy::Session::forward(params); }
//   };
//   TOY_BACKEND((toy::make_table<toy::Context, toy::Model, Session>("name", "what is wrong with it")))
//
// Faults outside these three classes go into the table: make_table returns a plain ib_backend.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "inferbench/backend.hpp"

namespace toy {

struct Context {
  explicit Context(const ib_init_params& params) : host(params.host) {}
  inferbench::HostCalls host;
};

struct Model {
  Model(Context& context, const ib_model_params& params)
      : host(context.host),
        max_positions(params.desc->max_positions),
        vocab_size(params.desc->vocab_size),
        fault(inferbench::OptionReader(params).text("fault")),
        spin_us(inferbench::OptionReader(params).integer("spin_us")) {}
  const ib_model_info& info() const { return info_; }

  inferbench::HostCalls host;
  std::int32_t max_positions;
  std::int32_t vocab_size;
  std::string fault;     ///< selects the fault, in a plugin with several
  std::int64_t spin_us;  ///< simulated computing time per token

 private:
  ib_model_info info_{sizeof(ib_model_info), 1000, 1000, "cpu", "toy"};
};

/// Keeps this CPU busy, as computing would.
inline void spin(std::int64_t microseconds) {
  timespec begin{};
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - begin.tv_sec) * 1'000'000 + (now.tv_nsec - begin.tv_nsec) / 1000 < microseconds);
}

class Session {
 public:
  Session(Model& model, const ib_session_params& params)
      : model_(model),
        lengths_(inferbench::checked_session_limits(params, model.max_positions, model.vocab_size)),
        histories_(lengths_.held().size()) {}
  const ib_session_info& info() const { return info_; }

  void forward(const ib_forward_params& params) {
    const std::int64_t n_tokens = lengths_.check(params);
    model_.host.throw_if_cancelled();
    spin(n_tokens * model_.spin_us);
    advance(params);
  }

  void truncate(std::int32_t slot, std::int32_t n_past) {
    lengths_.truncate(slot, n_past);
    histories_[static_cast<std::size_t>(slot)].resize(static_cast<std::size_t>(n_past));
  }

 protected:
  /// The work of forward after its checks, without the simulated computing time.
  void advance(const ib_forward_params& params) {
    float* row = params.logits;
    std::int32_t* id = params.ids;
    for (std::int32_t i = 0; i < params.n_sequences; ++i) {
      const ib_sequence& sequence = params.sequences[i];
      std::vector<std::int32_t>& history = histories_[static_cast<std::size_t>(sequence.slot)];
      for (std::int32_t j = 0; j < sequence.n_tokens; ++j) {
        history.push_back(sequence.tokens[j]);
        const bool last = j + 1 == sequence.n_tokens;
        if (sequence.output == IB_OUTPUT_ALL_LOGITS || (sequence.output == IB_OUTPUT_LAST_LOGITS && last)) {
          row = std::copy_n(logits_of(history).begin(), model_.vocab_size, row);
        }
      }
      if (sequence.output == IB_OUTPUT_GREEDY) *id++ = id_of(history);
    }
    lengths_.advance(params);
  }

  const Model& model() const { return model_; }
  const inferbench::SlotLengths& lengths() const { return lengths_; }
  /// The tokens in a slot.
  const std::vector<std::int32_t>& history(std::int32_t slot) const {
    return histories_[static_cast<std::size_t>(slot)];
  }

 private:
  static std::uint64_t hash_of(const std::vector<std::int32_t>& history) {
    std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
    for (const std::int32_t id : history) hash = (hash ^ static_cast<std::uint32_t>(id)) * 0x100000001B3U;
    return hash ^ (hash >> 32U);
  }

  std::int32_t id_of(const std::vector<std::int32_t>& history) const {
    return static_cast<std::int32_t>(hash_of(history) % static_cast<std::uint64_t>(model_.vocab_size));
  }

  // 1 for the greedy id; smaller and pairwise different values elsewhere.
  std::vector<float> logits_of(const std::vector<std::int32_t>& history) const {
    std::vector<float> row(static_cast<std::size_t>(model_.vocab_size));
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = -static_cast<float>(i % 97) / 97;
    row[static_cast<std::size_t>(id_of(history))] = 1;
    return row;
  }

  Model& model_;
  inferbench::SlotLengths lengths_;
  std::vector<std::vector<std::int32_t>> histories_;
  ib_session_info info_{sizeof(ib_session_info), 2000, 3000, 6000, 0};
};

/// There is no model that it could not run.
inline constexpr std::uint64_t kFeatures = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA;
inline constexpr ib_precision_info kPrecisions[] = {{"fp32", "none of it is true", 32, 0}};
inline constexpr ib_option_info kOptions[] = {
    {"fault", IB_OPTION_TEXT, 0, "", 0, 0, nullptr, "which fault, in plugins that have several"},
    {"spin_us", IB_OPTION_INT, 0, "0", 0, 1e7, nullptr, "microseconds of computing for each token"}};

template <typename Context, typename Model, typename Session>
constexpr ib_backend make_table(const char* name, const char* doc, std::uint64_t flags = 0) {
  return inferbench::make_table<Context, Model, Session>({.name = name,
                                                          .version = "1",
                                                          .build = "test",
                                                          .license = "Apache-2.0",
                                                          .doc = doc,
                                                          .flags = flags,
                                                          .features = kFeatures,
                                                          .precisions = kPrecisions,
                                                          .options = kOptions});
}

}  // namespace toy

/// The plugin's table: `...` is an expression of type ib_backend.
#define TOY_BACKEND(...) extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 = __VA_ARGS__;
