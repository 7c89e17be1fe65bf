// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstring>
#include <functional>

#include "conformance/rules.hpp"
#include "support/counted.hpp"

namespace inferbench::conformance {

namespace {

constexpr std::int32_t kMaxTokens = 64;
constexpr std::int32_t kMaxForward = 40;
constexpr std::int32_t kHeld = 30;

// A session whose slots 0 and 1 hold 30 tokens, a valid call of two sequences, and the expected logits of the next
// token.
class Refusals {
 public:
  explicit Refusals(Check& check)
      : check_(check), weights_(check.subject().plain()), model_(check.subject(), weights_.desc()) {
    const Session pristine(model_, 3, kMaxTokens, kMaxForward);
    const Session* const both[] = {&pristine, &session_};
    for (const Session* session : both) {
      for (const std::int32_t slot : {0, 1}) {
        session->all_logits(slot, test_tokens(kHeld, static_cast<std::uint64_t>(slot)));
      }
    }
    expected_ = pristine.last_logits(0, std::vector{5});
  }

  /// Expects that the call is refused with `status` once `change` has made it invalid, and that the session then
  /// answers as if the call had not been made.
  void expect(const std::string& what, const std::function<void(ib_forward_params&)>& change,
              ib_status status = IB_INVALID_ARGUMENT) {
    tokens[0] = tokens[1] = 7;
    sequences[0] = {0, 2, tokens, IB_OUTPUT_ALL_LOGITS, 0};
    sequences[1] = {1, 2, tokens, IB_OUTPUT_ALL_LOGITS, 0};
    ib_forward_params call{};
    call.struct_size = sizeof(call);
    call.sequences = sequences;
    call.n_sequences = 2;
    call.logits = logits_.data();
    call.logits_capacity = logits_.size();
    call.ids = ids_.data();
    call.ids_capacity = ids_.size();
    change(call);
    ib_error error;
    const ib_status found = session_.forward(call, error);
    if (!check_.expect_equal(found, status, "status for " + what)) return rewind();
    check_.expect_same(expected_, session_.last_logits(0, std::vector{5}), "the next token after " + what);
    rewind();
  }

  void expect_truncate(const std::string& what, std::int32_t slot, std::int32_t n_past) {
    ib_error error;
    check_.expect_equal(session_.truncate(slot, n_past, error), IB_INVALID_ARGUMENT, "status for " + what);
    check_.expect_same(expected_, session_.last_logits(0, std::vector{5}), "the next token after " + what);
    rewind();
  }

  std::int32_t vocab() const { return model_.vocab(); }

  /// Both sequences want this.
  void set_output(std::int32_t output) {
    for (ib_sequence& sequence : sequences) sequence.output = output;
  }

  std::int32_t tokens[2] = {7, 7};
  ib_sequence sequences[2] = {};

 private:
  // Restores the held tokens. A call that should have been refused may have appended some.
  void rewind() {
    for (const std::int32_t slot : {0, 1}) {
      ib_error error;
      if (session_.truncate(slot, kHeld, error) == IB_OK) continue;
      session_.truncate(slot);
      session_.all_logits(slot, test_tokens(kHeld, static_cast<std::uint64_t>(slot)));
    }
  }

  Check& check_;
  TestModel weights_;
  Candidate model_;
  Session session_{model_, 3, kMaxTokens, kMaxForward};
  // Larger than any capacity passed in a call, so that a backend that wrongly accepts a call corrupts nothing.
  std::vector<float> logits_ = std::vector<float>(kMaxForward * static_cast<std::size_t>(model_.vocab()));
  std::vector<std::int32_t> ids_ = std::vector<std::int32_t>(kMaxForward);
  std::vector<float> expected_;
};

void bad_slots(Check& check) {
  Refusals refused(check);
  refused.expect("a negative slot", [&](auto&) { refused.sequences[1].slot = -1; });
  refused.expect("a slot too high", [&](auto&) { refused.sequences[1].slot = 3; });
  refused.expect("a slot given twice", [&](auto&) { refused.sequences[1].slot = 0; });
}

void bad_tokens(Check& check) {
  Refusals refused(check);
  refused.expect("a negative token", [&](auto&) { refused.tokens[1] = -1; });
  refused.expect("a token beyond the vocabulary", [&](auto&) { refused.tokens[1] = refused.vocab(); });
}

void bad_sequences(Check& check) {
  Refusals refused(check);
  refused.expect("a sequence without tokens", [&](auto&) { refused.sequences[1].n_tokens = 0; });
  refused.expect("a sequence with -5 tokens", [&](auto&) { refused.sequences[1].n_tokens = -5; });
  refused.expect("a sequence whose tokens are null", [&](auto&) { refused.sequences[1].tokens = nullptr; });
  refused.expect("a call without sequences", [](auto& call) { call.n_sequences = 0; });
  refused.expect("a call with -1 sequences", [](auto& call) { call.n_sequences = -1; });
  refused.expect("a call whose sequences are null", [](auto& call) { call.sequences = nullptr; });
}

void too_many_tokens(Check& check) {
  Refusals refused(check);
  const auto many = test_tokens(kMaxForward + 1);
  refused.expect("a sequence longer than max_tokens", [&](auto& call) {
    refused.sequences[0] = {0, kMaxTokens - kHeld + 1, many.data(), IB_OUTPUT_ALL_LOGITS, 0};
    call.n_sequences = 1;
  });
  refused.expect("a sequence longer than max_forward_tokens", [&](auto& call) {
    refused.sequences[0] = {2, kMaxForward + 1, many.data(), IB_OUTPUT_NONE, 0};
    call.n_sequences = 1;
  });
  refused.expect("sequences longer than max_forward_tokens together", [&](auto&) {
    refused.set_output(IB_OUTPUT_NONE);
    refused.sequences[0] = {2, kMaxForward - 1, many.data(), IB_OUTPUT_NONE, 0};
  });
}

void short_buffers(Check& check) {
  Refusals refused(check);
  const auto row = static_cast<std::uint64_t>(refused.vocab());
  refused.expect("no buffer for logits", [](auto& call) { call.logits = nullptr; });
  refused.expect("a buffer one value too short for all logits",
                 [&](auto& call) { call.logits_capacity = 4 * row - 1; });
  refused.expect("a buffer one value too short for the last logits", [&](auto& call) {
    refused.set_output(IB_OUTPUT_LAST_LOGITS);
    call.logits_capacity = 2 * row - 1;
  });
  refused.expect("no buffer for ids", [&](auto& call) {
    refused.set_output(IB_OUTPUT_GREEDY);
    call.ids = nullptr;
  });
  refused.expect("a buffer one value too short for ids", [&](auto& call) {
    refused.set_output(IB_OUTPUT_GREEDY);
    call.ids_capacity = 1;
  });
  refused.expect("no buffer for the id of the second sequence", [&](auto& call) {
    refused.sequences[1].output = IB_OUTPUT_GREEDY;
    call.ids = nullptr;
    call.ids_capacity = 0;
  });
}

void unknown_output(Check& check) {
  Refusals refused(check);
  refused.expect(
      "output 99 of one sequence", [&](auto&) { refused.sequences[1].output = 99; }, IB_UNSUPPORTED);
}

void short_structs(Check& check) {
  Refusals refused(check);
  refused.expect("ib_forward_params of 16 bytes", [](auto& call) { call.struct_size = 16; });
}

void bad_truncate(Check& check) {
  Refusals refused(check);
  refused.expect_truncate("truncating slot -1", -1, 0);
  refused.expect_truncate("truncating slot 3 of 3", 3, 0);
  refused.expect_truncate("truncating to -1", 0, -1);
  refused.expect_truncate("truncating to more than the slot holds", 1, kHeld + 1);
  refused.expect_truncate("truncating an empty slot to 1", 2, 1);
}

void bad_sessions(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const auto refused = [&](const std::string& what, const std::function<void(ib_session_params&)>& change) {
    ib_session_params params{};
    params.struct_size = sizeof(params);
    params.n_slots = 1;
    params.max_tokens = 8;
    change(params);
    ib_session* session = nullptr;
    ib_error error{};
    const ib_status status = model.table().session_create(model.get(), &params, &session, &error);
    check.expect_equal(status, IB_INVALID_ARGUMENT, "status for " + what);
    if (!check.expect(session == nullptr, what + ": the out parameter was written") && status == IB_OK) {
      model.table().session_destroy(session);
    }
  };
  refused("no slots", [](auto& params) { params.n_slots = 0; });
  refused("-1 slots", [](auto& params) { params.n_slots = -1; });
  refused("max_tokens 0", [](auto& params) { params.max_tokens = 0; });
  refused("max_tokens beyond max_positions", [](auto& params) { params.max_tokens = 129; });
  refused("max_forward_tokens -1", [](auto& params) { params.max_forward_tokens = -1; });
  refused("ib_session_params of 8 bytes", [](auto& params) { params.struct_size = 8; });
}

// Calls init, which must fail with `status`.
void expect_init_refused(Check& check, std::int32_t n_threads, const char* device, ib_status status,
                         const std::string& what) {
  ib_host host{};
  host.struct_size = sizeof(host);
  ib_init_params params{};
  params.struct_size = sizeof(params);
  params.host = &host;
  params.n_threads = n_threads;
  params.device = device;
  ib_context* context = nullptr;
  ib_error error{};
  const ib_status found = check.subject().table().init(&params, &context, &error);
  check.expect_equal(found, status, "status of init with " + what);
  if (!check.expect(context == nullptr, "init with " + what + ": the out parameter was written") && found == IB_OK) {
    check.subject().table().shutdown(context);
  }
}

void bad_thread_counts(Check& check) {
  std::string device;
  ib_error error{};
  if (device_of(check.subject(), device, error) != IB_OK) return check.not_tried("there is no device");
  for (const std::int32_t n_threads : {0, -3}) {
    expect_init_refused(check, n_threads, device.c_str(), IB_INVALID_ARGUMENT, counted(n_threads, "thread"));
  }
}

void unknown_devices(Check& check) {
  for (const char* device : {"no_such_device", "no_such_device:0", "cuda:99", ""}) {
    expect_init_refused(check, 2, device, IB_UNSUPPORTED, fmt::format("device '{}'", device));
  }
}

/// A model description that must be refused, and the status to refuse it with.
struct BadModel {
  const char* what;
  ib_status status;
  void (*change)(TestModel& weights);
  const char* precision = nullptr;
};

constexpr BadModel kBadModels[] = {
    {"an unknown precision", IB_UNSUPPORTED, [](TestModel&) {}, "no_such_precision"},
    {"activation 99", IB_UNSUPPORTED, [](TestModel& weights) { weights.desc().activation = 99; }},
    {"a tensor of dtype 99", IB_UNSUPPORTED,
     [](TestModel& weights) { weights.tensor("layer.1.attn_norm.weight").dtype = 99; }},
    {"a missing tensor", IB_INVALID_ARGUMENT, [](TestModel& weights) { weights.tensors().pop_back(); }},
    {"no layers", IB_INVALID_ARGUMENT, [](TestModel& weights) { weights.desc().n_layers = 0; }},
    {"no heads", IB_INVALID_ARGUMENT,
     [](TestModel& weights) { weights.desc().n_heads = weights.desc().n_kv_heads = 0; }},
    {"norm 99", IB_UNSUPPORTED, [](TestModel& weights) { weights.desc().norm = 99; }}};

void bad_models(Check& check) {
  for (const BadModel& bad : kBadModels) {
    TestModel weights(check.subject().plain());
    bad.change(weights);
    const Candidate model(check.subject(), weights.desc(), 2, nullptr, bad.precision);
    check.expect_equal(model.status(), bad.status, std::string("status for ") + bad.what);
    check.expect(model.status() == IB_OK || model.get() == nullptr,
                 std::string(bad.what) + ": the out parameter was written");
  }
}

// Expects one readable line: NUL-terminated, not empty, and actually written (the caller fills it with '?').
void expect_line(Check& check, const ib_error& error, const std::string& what) {
  const std::size_t length = strnlen(error.message, sizeof(error.message));
  if (!check.expect(length < sizeof(error.message) && error.message[0] != '?', what + ": no message was written"))
    return;
  check.expect(length > 0, what + ": the message is empty");
  check.expect(std::string_view(error.message, length).find('\n') == std::string_view::npos,
               what + ": the message has more than one line");
}

void errors_are_one_line(Check& check) {
  for (const BadModel& bad : kBadModels) {
    TestModel weights(check.subject().plain());
    bad.change(weights);
    const Candidate model(check.subject(), weights.desc(), 2, nullptr, bad.precision);
    if (model.status() != IB_OK) expect_line(check, model.error(), bad.what);
  }
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const Session session(model);
  ib_error error;
  if (session.truncate(0, 1, error) != IB_OK) expect_line(check, error, "truncating an empty slot to 1");
  Batch batch;
  batch.add(7, {1});
  if (session.forward(batch.params(), error) != IB_OK) expect_line(check, error, "a slot too high");
}

constexpr Rule kArgumentRules[] = {
    {"arguments.bad_slots", "an invalid or repeated slot is refused and changes nothing", bad_slots},
    {"arguments.bad_tokens", "a token outside the vocabulary is refused and changes nothing", bad_tokens},
    {"arguments.bad_sequences", "missing sequences and tokens are refused", bad_sequences},
    {"arguments.too_many_tokens", "more than max_tokens or max_forward_tokens is refused", too_many_tokens},
    {"arguments.short_buffers", "a buffer that is too small is refused and left unwritten", short_buffers},
    {"arguments.unknown_output", "an unknown output code is unsupported", unknown_output},
    {"arguments.short_structs", "a struct without the fields of ABI 1.0 is refused", short_structs},
    {"arguments.bad_truncate", "truncating a slot to more than it holds is refused", bad_truncate},
    {"arguments.bad_sessions", "a session with impossible sizes is refused, and nothing is written", bad_sessions},
    {"arguments.bad_thread_counts", "init with fewer than one thread is refused", bad_thread_counts},
    {"arguments.unknown_devices", "init with a device that the backend does not have is unsupported", unknown_devices},
    {"arguments.bad_models", "an incomplete model is refused; one that the backend cannot run is unsupported",
     bad_models},
    {"arguments.errors_are_one_line", "every failure has a one-line message", errors_are_one_line}};

}  // namespace

std::span<const Rule> argument_rules() {
  return kArgumentRules;
}

}  // namespace inferbench::conformance
