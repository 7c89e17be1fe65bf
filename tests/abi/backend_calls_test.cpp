// SPDX-License-Identifier: Apache-2.0
// BackendContext, BackendModel and BackendSession against a backend that breaks the ABI's rules on demand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>

#include "abi/tiny_weights.hpp"
#include "plugin/backend.hpp"

namespace inferbench {
namespace {

using ::testing::ElementsAre;

class BackendCalls : public ::testing::Test {
 protected:
  ~BackendCalls() override { unsetenv("INFERBENCH_TEST_FAULT"); }

  static void set_fault(const char* fault) { setenv("INFERBENCH_TEST_FAULT", fault, 1); }

  static BackendContext context(HostCallbacks callbacks = {}) {
    return BackendContext(Plugin::load(INFERBENCH_MISBEHAVING_PLUGIN), 2, std::move(callbacks));
  }
  static BackendModel model(HostCallbacks callbacks = {}) {
    return BackendModel(context(std::move(callbacks)), tiny_weights(), "", OptionValues({}, {}));
  }
  static BackendSession session(HostCallbacks callbacks = {}) {
    return BackendSession(model(std::move(callbacks)), 2, 8);
  }

  // Returns the BackendError that `function` throws; fails the test if it throws none.
  template <typename Function>
  static BackendError error_of(Function function) {
    try {
      function();
    } catch (const BackendError& error) {
      return error;
    }
    ADD_FAILURE() << "no BackendError";
    return BackendError(IB_OK, "");
  }

  template <typename Function>
  static void expect_error(Function function, ib_status status, const std::string& what) {
    const BackendError error = error_of(function);
    EXPECT_EQ(error.status(), status);
    EXPECT_STREQ(error.what(), what.c_str());
  }
};

TEST_F(BackendCalls, DestroysInOrderWhateverLivesLongest) {
  std::vector<std::string> log;
  HostCallbacks callbacks;
  callbacks.log = [&](std::int32_t, std::string_view message) { log.emplace_back(message); };
  {
    std::optional<BackendSession> last;
    last.emplace(session(callbacks));  // its model and context handles are already gone
    EXPECT_TRUE(log.empty());
    const BackendSession copy = *last;
    last.reset();
    EXPECT_TRUE(log.empty());
    EXPECT_EQ(copy.info().scratch_bytes, 2U);
  }
  EXPECT_THAT(log, ElementsAre("session_destroy", "model_destroy", "shutdown"));
}

TEST_F(BackendCalls, ReportsWhatTheBackendSays) {
  const BackendModel loaded = model();
  EXPECT_EQ(loaded.info().weights_bytes, 11U);
  EXPECT_EQ(loaded.info().decode_weights_bytes, 22U);
  EXPECT_STREQ(loaded.info().device, "cpu");
  EXPECT_EQ(loaded.config().vocab_size, tiny_weights().config().vocab_size);
  const BackendSession opened(loaded, 1, 4);
  EXPECT_EQ(opened.info().kv_bytes, 1U);
  opened.truncate(0, 0);
  const std::array<std::int32_t, 1> token{1};
  opened.greedy(0, token);
  EXPECT_EQ(opened.info().kv_bytes, 2U);  // info() is current, not from the time of creation
}

TEST_F(BackendCalls, ErrorsNameBackendCallAndStatus) {
  expect_error([] { BackendContext(Plugin::load(INFERBENCH_MISBEHAVING_PLUGIN), 0); }, IB_INVALID_ARGUMENT,
               "backend misbehaving: init: invalid argument: n_threads must be at least 1");
  expect_error([] { BackendSession(model(), 0, 8); }, IB_INVALID_ARGUMENT,
               "backend misbehaving: session_create: invalid argument: n_slots must be at least 1");
  expect_error([] { session().truncate(5, 0); }, IB_INVALID_ARGUMENT,
               "backend misbehaving: session_truncate: invalid argument: no such slot");
  const std::array<std::int32_t, 1> token{-1};
  expect_error([&] { session().last_logits(0, token); }, IB_INVALID_ARGUMENT,
               "backend misbehaving: forward: invalid argument: token -1 is outside the vocabulary of " +
                   std::to_string(tiny_weights().config().vocab_size));
}

TEST_F(BackendCalls, StatusesHaveCures) {
  set_fault("model_out_of_memory");
  const BackendError error = error_of([] { model(); });
  EXPECT_EQ(error.status(), IB_OUT_OF_MEMORY);
  EXPECT_STREQ(error.what(), "backend misbehaving: model_create: out of memory: out of memory");
  EXPECT_EQ(error.cure(), "use a smaller model, batch or context, or a narrower precision");
}

TEST_F(BackendCalls, SuccessWithoutResultIsAnError) {
  set_fault("init_nothing");
  expect_error([] { context(); }, IB_INTERNAL,
               "backend misbehaving: init: internal error: it returned ok, but no context");
  set_fault("model_nothing");
  expect_error([] { model(); }, IB_INTERNAL,
               "backend misbehaving: model_create: internal error: it returned ok, but no model");
  set_fault("session_nothing");
  expect_error([] { session(); }, IB_INTERNAL,
               "backend misbehaving: session_create: internal error: it returned ok, but no session");
}

TEST_F(BackendCalls, MessagesOfAnyFormBecomeOneLine) {
  set_fault("init_silent");
  expect_error([] { context(); }, IB_UNSUPPORTED, "backend misbehaving: init: unsupported: no message");
  set_fault("init_lines");
  expect_error([] { context(); }, IB_INTERNAL, "backend misbehaving: init: internal error: one two [31mthree?");
  set_fault("init_unterminated");
  const BackendError error = error_of([] { context(); });
  EXPECT_EQ(error.status(), IB_UNSUPPORTED);  // the header maps unknown statuses to this one
  EXPECT_THAT(error.what(), ::testing::StartsWith("backend misbehaving: init: unknown status 42: xxxx"));
}

TEST_F(BackendCalls, NullInfoIsAnError) {
  set_fault("model_info_null");
  expect_error([] { model(); }, IB_INTERNAL, "backend misbehaving: model_info: internal error: it returned null");
  set_fault("session_info_null");
  expect_error([] { session().info(); }, IB_INTERNAL,
               "backend misbehaving: session_info: internal error: it returned null");
}

TEST_F(BackendCalls, ShortInfoIsCompletedWithZeros) {
  set_fault("model_info_short");
  const BackendModel shorter = model();
  EXPECT_EQ(shorter.info().weights_bytes, 11U);
  EXPECT_EQ(shorter.info().decode_weights_bytes, 0U);
  EXPECT_STREQ(shorter.info().device, "");
  EXPECT_STREQ(shorter.info().kernels, "");
  set_fault("model_info_no_text");
  EXPECT_STREQ(model().info().device, "");
  set_fault("session_info_short");
  const BackendSession opened = session();
  EXPECT_EQ(opened.info().scratch_bytes, 2U);
  EXPECT_EQ(opened.info().peak_bytes, 0U);
  EXPECT_EQ(opened.info().device_bytes, 0U);
}

TEST_F(BackendCalls, ExceptionAcrossTheBorderBecomesAnError) {
  const BackendSession opened = session();
  set_fault("forward_throws");
  const std::array<std::int32_t, 1> token{1};
  expect_error([&] { opened.greedy(0, token); }, IB_INTERNAL,
               "backend misbehaving: forward: internal error: it threw an exception across the ABI: across the border");
  const ib_sequence sequence{0, 1, token.data(), IB_OUTPUT_GREEDY, 0};
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = &sequence;
  params.n_sequences = 1;
  ib_error error{};
  EXPECT_EQ(opened.forward(params, error), IB_INTERNAL);
  EXPECT_STREQ(error.message, "forward threw an exception across the ABI");
}

TEST_F(BackendCalls, WhatIsNotWrittenIsNotTakenForAResult) {
  set_fault("forward_writes_nothing");
  const std::array<std::int32_t, 2> tokens{1, 2};
  const auto complaint = [&](const auto& call) {
    try {
      call(session());
    } catch (const WrongOutput& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_EQ(complaint([&](const BackendSession& opened) { opened.greedy(0, tokens); }),
            "backend misbehaving: forward: it wrote no id");
  EXPECT_EQ(complaint([&](const BackendSession& opened) { opened.last_logits(0, tokens); }),
            "backend misbehaving: forward: at position 1, the logit of token 0 was not written");
  EXPECT_EQ(complaint([&](const BackendSession& opened) { opened.all_logits(0, tokens); }),
            "backend misbehaving: forward: at position 0, the logit of token 0 was not written");
}

TEST_F(BackendCalls, ACancelThatNobodyAskedForIsAFaultOfItsOwn) {
  const BackendSession opened = session();
  const std::array<std::int32_t, 1> token{1};
  set_fault("forward_cancels");
  expect_error(
      [&] { opened.greedy(0, token); }, IB_INTERNAL,
      "backend misbehaving: forward: it returned CANCELLED although no cancellation was requested: for no reason");
}

TEST_F(BackendCalls, RawCallsHaveNamesForTheirFailures) {
  const BackendSession opened = session();
  const std::array<std::int32_t, 1> token{1};
  std::int32_t id = 0;
  const ib_sequence sequence{0, 1, token.data(), IB_OUTPUT_GREEDY, 0};
  ib_forward_params params{};
  params.struct_size = sizeof(params);
  params.sequences = &sequence;
  params.n_sequences = 1;
  params.ids = &id;
  params.ids_capacity = 1;
  const auto failure = [&](const char* fault) {
    set_fault(fault);
    ib_error error{};
    const ib_status status = opened.forward(params, error);
    return opened.failure("forward", status, error);
  };
  EXPECT_STREQ(failure("forward_silent").what(), "forward: it returned \"device lost\" without a message");
  EXPECT_STREQ(failure("forward_odd_status").what(), "forward: it returned \"unknown status 42\" without a message");
  EXPECT_STREQ(failure("forward_cancels").what(),
               "forward: it returned CANCELLED although no cancellation was requested: for no reason");
  EXPECT_EQ(failure("forward_cancels").status(), IB_INTERNAL);
}

TEST_F(BackendCalls, ProgressStaysWithinBounds) {
  set_fault("model_progress_wild");
  std::vector<double> fractions;
  HostCallbacks callbacks;
  callbacks.progress = [&](double fraction) { fractions.push_back(fraction); };
  model(callbacks);
  EXPECT_THAT(fractions, ElementsAre(0.0, 0.0, 1.0, 0.5));
}

TEST_F(BackendCalls, CancellingIsSeen) {
  bool cancelled = false;
  HostCallbacks callbacks;
  callbacks.is_cancelled = [&] { return cancelled; };
  const BackendSession opened = session(callbacks);
  const std::array<std::int32_t, 1> token{1};
  opened.greedy(0, token);
  cancelled = true;
  expect_error([&] { opened.greedy(0, token); }, IB_CANCELLED,
               "backend misbehaving: forward: cancelled: cancelled by the host");
  cancelled = false;
  opened.greedy(0, token);
}

TEST_F(BackendCalls, ExceptionInACallbackComesOutOfTheCall) {
  HostCallbacks callbacks;
  bool armed = true;
  callbacks.progress = [&](double) {
    if (armed) throw std::runtime_error("the terminal is gone");
  };
  const BackendContext opened = context(callbacks);
  try {
    const BackendModel model(opened, tiny_weights(), "", OptionValues({}, {}));
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the terminal is gone");
  }
  armed = false;
  BackendModel(opened, tiny_weights(), "int8", OptionValues({}, {}));  // the error is not sticky
}

}  // namespace
}  // namespace inferbench
