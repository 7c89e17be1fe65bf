// SPDX-License-Identifier: Apache-2.0
//
// The base of planted plugins that go wrong in a call, as their options say. Its "model" emits sums of token ids. A
// plugin is a struct of hooks, the rest is here:
//
//   struct Hooks : faulty::NoFault {
//     static constexpr const char* kFaults[] = {"none", "mine", nullptr};
//     static ib_status misbehave(const faulty::Model& model, ib_error* error) { ... }
//   };
//   FAULTY_BACKEND(faulty::make_table<Hooks>("name"))
//
// Options: fault (one of kFaults), at (the call: forward, session, load), from (good forward calls of a session before
// it), spin_us (time of a forward call).
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "inferbench/backend.hpp"

namespace faulty {

struct Context {
  explicit Context(const ib_init_params& params) : host(params.host) {}

  const ib_host* host;
  std::string end;  ///< for plugins that end badly: how shutdown does
};

struct Model {
  Model(Context& owner, const ib_model_params& params) : context(owner), vocab_size(params.desc->vocab_size) {
    const inferbench::OptionReader options(params);
    fault = options.text("fault");
    at = options.text("at");
    from = options.integer("from");
    spin_us = options.integer("spin_us");
  }
  const ib_model_info& info() const { return info_; }

  Context& context;
  std::string fault;
  std::string at;
  std::int64_t from = 0;
  std::int64_t spin_us = 0;
  std::int32_t vocab_size;
  std::vector<std::vector<char>> hoard;  ///< memory that outlives the sessions

 private:
  ib_model_info info_{sizeof(ib_model_info), 1000, 1000, "cpu", "faulty"};
};

/// What a plugin may replace: nothing goes wrong here.
struct NoFault {
  /// Runs in the call that `at` names; anything but IB_OK ends that call.
  static ib_status misbehave(const Model& /*model*/, ib_error* /*error*/) { return IB_OK; }
  /// Writes the logit of token 17 of a bad call.
  static void write_logit(const Model& /*model*/, float& to, float right) { to = right; }
  /// Writes the greedy id of a bad call.
  static void write_id(const Model& /*model*/, std::int32_t& to, std::int32_t right) { to = right; }
  static void session_begins(Model& /*model*/, const ib_session_params& /*params*/) {}
};

inline void sleep_ms(long ms) {
  const timespec time{ms / 1000, ms % 1000 * 1'000'000};
  nanosleep(&time, nullptr);
}

inline ib_status fail(ib_error* error, ib_status status, const char* text) {
  snprintf(error->message, sizeof(error->message), "%s", text);
  return status;
}

inline void spin(std::int64_t microseconds) {
  timespec begin{};
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - begin.tv_sec) * 1'000'000 + (now.tv_nsec - begin.tv_nsec) / 1000 < microseconds);
}

template <typename Hooks>
class Session {
 public:
  Session(Model& model, const ib_session_params& params)
      : model_(model), sums_(static_cast<std::size_t>(params.n_slots)) {
    Hooks::session_begins(model, params);
  }
  const ib_session_info& info() const { return info_; }
  const Model& model() const { return model_; }

  /// Counts the call. Returns whether it is one that goes wrong.
  bool begin_forward(const ib_forward_params& params) {
    const auto is_greedy = [](const ib_sequence& sequence) { return sequence.output == IB_OUTPUT_GREEDY; };
    // The host also asks for logits.
    if (std::any_of(params.sequences, params.sequences + params.n_sequences, is_greedy)) ++forwards_;
    bad_ = model_.at == "forward" && (model_.from == 0 || forwards_ > model_.from);
    return bad_;
  }

  void forward(const ib_forward_params& params) {
    float* logits = params.logits;
    std::int32_t* to = params.ids;
    for (std::int32_t i = 0; i < params.n_sequences; ++i) {
      const ib_sequence& sequence = params.sequences[i];
      std::int64_t& sum = sums_[static_cast<std::size_t>(sequence.slot)];
      std::int32_t id = 0;
      for (std::int32_t j = 0; j < sequence.n_tokens; ++j) {
        inferbench::require(sequence.tokens[j] >= 0 && sequence.tokens[j] < model_.vocab_size,
                            "was fed with a wrong id");
        sum += sequence.tokens[j] + 1;
        id = static_cast<std::int32_t>(sum % model_.vocab_size);
        const bool last = j + 1 == sequence.n_tokens;
        if (sequence.output == IB_OUTPUT_ALL_LOGITS || (sequence.output == IB_OUTPUT_LAST_LOGITS && last)) {
          write_logits(logits, id);
          logits += model_.vocab_size;
        }
      }
      if (sequence.output != IB_OUTPUT_GREEDY) continue;
      if (bad_) {
        Hooks::write_id(model_, *to, id);
      } else {
        *to = id;
      }
      ++to;
    }
    spin(model_.spin_us);
  }

  void truncate(std::int32_t slot, std::int32_t) { sums_[static_cast<std::size_t>(slot)] = 0; }

 private:
  void write_logits(float* logits, std::int32_t id) const {
    for (std::int32_t token = 0; token < model_.vocab_size; ++token) {
      const float right = token == id ? 1.0F : 0.0F;
      if (bad_ && token == 17) {
        Hooks::write_logit(model_, logits[token], right);
      } else {
        logits[token] = right;
      }
    }
  }

  Model& model_;
  std::vector<std::int64_t> sums_;
  std::int64_t forwards_ = 0;
  bool bad_ = false;
  ib_session_info info_{sizeof(ib_session_info), 2000, 3000, 6000, 0};
};

inline constexpr ib_precision_info kPrecisions[] = {{"fp32", "none of it is true", 32, 0}};
inline constexpr const char* kPlaces[] = {"forward",       "session",         "load", "shutdown",
                                          "model_destroy", "session_destroy", nullptr};

/// The functions that go wrong. Unlike those of backend.hpp, they let exceptions out.
template <typename Hooks>
struct Calls {
  using Functions = inferbench::BackendFunctions<Context, Model, Session<Hooks>>;

  static ib_status model_create(ib_context* context, const ib_model_params* params, ib_model** model, ib_error* error) {
    const ib_status made = Functions::model_create(context, params, model, error);
    if (made != IB_OK || Functions::object(*model)->at != "load") return made;
    const ib_status status = Hooks::misbehave(*Functions::object(*model), error);
    if (status != IB_OK) Functions::model_destroy(std::exchange(*model, nullptr));
    return status;
  }

  static ib_status session_create(ib_model* model, const ib_session_params* params, ib_session** session,
                                  ib_error* error) {
    const Model& of = *Functions::object(model);
    const ib_status status = of.at == "session" ? Hooks::misbehave(of, error) : IB_OK;
    return status == IB_OK ? Functions::session_create(model, params, session, error) : status;
  }

  static ib_status forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
    Session<Hooks>& of = *Functions::object(session);
    const ib_status status = of.begin_forward(*params) ? Hooks::misbehave(of.model(), error) : IB_OK;
    return status == IB_OK ? Functions::forward(session, params, error) : status;
  }
};

template <typename Hooks>
inline constexpr ib_option_info kOptions[] = {
    {"fault", IB_OPTION_CHOICE, 0, "none", 0, 0, Hooks::kFaults, "what goes wrong"},
    {"at", IB_OPTION_CHOICE, 0, "forward", 0, 0, kPlaces, "where"},
    {"from", IB_OPTION_INT, 0, "0", 0, 1e9, nullptr, "good forwards of a session before it"},
    {"spin_us", IB_OPTION_INT, 0, "0", 0, 1e7, nullptr, "microseconds that a forward takes"}};

template <typename Hooks>
constexpr ib_backend make_table(const char* name) {
  ib_backend table = inferbench::make_table<Context, Model, Session<Hooks>>({
      .name = name,
      .version = "1",
      .build = "test",
      .license = "Apache-2.0",
      .doc = "goes wrong as told",
      .features = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA,  // there is no model that it could not run
      .precisions = kPrecisions,
      .options = kOptions<Hooks>,
  });
  table.model_create = Calls<Hooks>::model_create;
  table.session_create = Calls<Hooks>::session_create;
  table.forward = Calls<Hooks>::forward;
  return table;
}

}  // namespace faulty

/// The plugin's table: `...` is an expression of type ib_backend.
#define FAULTY_BACKEND(...) extern "C" IB_EXPORT constinit const ib_backend inferbench_backend_v1 = __VA_ARGS__;
