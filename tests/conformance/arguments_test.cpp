// SPDX-License-Identifier: Apache-2.0
// Every rule of the header that a caller can break is answered with a status and changes nothing.
#include <functional>

#include "conformance/altered_weights.hpp"
#include "conformance/harness.hpp"

namespace inferbench::conformance {
namespace {

constexpr std::int32_t kMaxTokens = 64;
constexpr std::int32_t kMaxForward = 40;

// A session whose slots 0 and 1 hold 30 tokens, a good call, and what the next token after it must give.
class Arguments : public testing::Test {
 protected:
  Arguments() : vocab_(static_cast<std::size_t>(tiny().config().vocab)), logits_(kMaxForward * vocab_), ids_(3) {
    fill();
    probe_ = session_.last_logits(0, std::vector{5});
    reset();
    fill();
  }

  void reset() {
    for (const std::int32_t slot : {0, 1}) session_.truncate(slot, 0);
  }
  void fill() {
    for (const std::int32_t slot : {0, 1}) session_.all_logits(slot, tokens(30, static_cast<std::uint32_t>(slot)));
  }

  // Two sequences of two tokens, all logits wanted.
  ib_forward_params good() {
    ib_forward_params call{};
    call.struct_size = sizeof(call);
    call.sequences = sequences_;
    call.n_sequences = 2;
    call.output = IB_OUTPUT_ALL_LOGITS;
    call.logits = logits_.data();
    call.logits_capacity = logits_.size();
    call.ids = ids_.data();
    call.ids_capacity = ids_.size();
    return call;
  }

  // The call that `change` spoils is refused with `status`, and the session then answers as if it had not been made.
  void expect_refused(const std::string& what, const std::function<void(ib_forward_params&)>& change,
                      ib_status status = IB_INVALID_ARGUMENT) {
    token_data_[0] = token_data_[1] = 7;
    sequences_[0] = {0, 2, token_data_};
    sequences_[1] = {1, 2, token_data_};
    ib_forward_params call = good();
    change(call);
    ib_error error;
    EXPECT_EQ(forward(session_, call, error), status) << what;
    expect_readable(error);
    expect_same(probe_, session_.last_logits(0, std::vector{5}), "after " + what);
    session_.truncate(0, 30);
  }

  std::size_t vocab_;
  BackendSession session_{make_model(), 3, kMaxTokens, kMaxForward};
  std::int32_t token_data_[2] = {7, 7};
  ib_sequence sequences_[2] = {};
  std::vector<float> logits_;
  std::vector<std::int32_t> ids_;
  std::vector<float> probe_;
};

TEST_F(Arguments, TheUnspoiledCallIsGood) {
  sequences_[0] = {0, 2, token_data_};
  sequences_[1] = {1, 2, token_data_};
  ib_error error;
  EXPECT_EQ(forward(session_, good(), error), IB_OK) << error.message;
}

TEST_F(Arguments, Slots) {
  expect_refused("a negative slot", [&](auto&) { sequences_[1].slot = -1; });
  expect_refused("a slot too high", [&](auto&) { sequences_[1].slot = 3; });
  expect_refused("a slot twice", [&](auto&) { sequences_[1].slot = 0; });
}

TEST_F(Arguments, Tokens) {
  expect_refused("no tokens", [&](auto&) { sequences_[1].n_tokens = 0; });
  expect_refused("a negative count", [&](auto&) { sequences_[1].n_tokens = -5; });
  expect_refused("null tokens", [&](auto&) { sequences_[1].tokens = nullptr; });
  expect_refused("a negative token", [&](auto&) { token_data_[1] = -1; });
  expect_refused("a token beyond the vocabulary", [&](auto&) { token_data_[1] = tiny().config().vocab; });
}

TEST_F(Arguments, Lengths) {
  const auto many = tokens(kMaxForward + 1);
  expect_refused("more than max_tokens", [&](auto& call) {
    sequences_[0] = {0, 35, many.data()};
    call.n_sequences = 1;
  });
  expect_refused("more than max_forward_tokens", [&](auto& call) {
    sequences_[0] = {2, kMaxForward + 1, many.data()};
    call.n_sequences = 1;
    call.output = IB_OUTPUT_NONE;
  });
  expect_refused("more than max_forward_tokens in sum", [&](auto& call) {
    sequences_[0] = {2, kMaxForward - 1, many.data()};
    call.output = IB_OUTPUT_NONE;
  });
}

TEST_F(Arguments, Sequences) {
  expect_refused("no sequences", [](auto& call) { call.n_sequences = 0; });
  expect_refused("a negative number of sequences", [](auto& call) { call.n_sequences = -1; });
  expect_refused("null sequences", [](auto& call) { call.sequences = nullptr; });
}

TEST_F(Arguments, Buffers) {
  expect_refused("null logits", [](auto& call) { call.logits = nullptr; });
  expect_refused("too few logits for all", [&](auto& call) { call.logits_capacity = 4 * vocab_ - 1; });
  expect_refused("too few logits for the last", [&](auto& call) {
    call.output = IB_OUTPUT_LAST_LOGITS;
    call.logits_capacity = 2 * vocab_ - 1;
  });
  expect_refused("null ids", [](auto& call) {
    call.output = IB_OUTPUT_GREEDY;
    call.ids = nullptr;
  });
  expect_refused("too few ids", [](auto& call) {
    call.output = IB_OUTPUT_GREEDY;
    call.ids_capacity = 1;
  });
}

TEST_F(Arguments, UnknownOutput) {
  expect_refused(
      "an unknown output", [](auto& call) { call.output = 99; }, IB_UNSUPPORTED);
}

TEST_F(Arguments, StructSize) {
  expect_refused("a struct that is too short", [](auto& call) { call.struct_size = 16; });
}

TEST_F(Arguments, Truncate) {
  ib_error error;
  const auto truncate = [&](std::int32_t slot, std::int32_t n_past) {
    return table().session_truncate(session_.get(), slot, n_past, &error);
  };
  EXPECT_EQ(truncate(-1, 0), IB_INVALID_ARGUMENT);
  EXPECT_EQ(truncate(3, 0), IB_INVALID_ARGUMENT);
  EXPECT_EQ(truncate(0, -1), IB_INVALID_ARGUMENT);
  EXPECT_EQ(truncate(0, 31), IB_INVALID_ARGUMENT);
  EXPECT_EQ(truncate(2, 1), IB_INVALID_ARGUMENT);
  expect_readable(error);
  EXPECT_EQ(truncate(0, 30), IB_OK);
  expect_same(probe_, session_.last_logits(0, std::vector{5}), "after refused truncations");
}

TEST(CreateArguments, Session) {
  const BackendModel model = make_model();
  ib_session_params good{};
  good.struct_size = sizeof(good);
  good.n_slots = 1;
  good.max_tokens = 8;
  const auto expect_refused = [&](const std::string& what, const std::function<void(ib_session_params&)>& change) {
    ib_session_params params = good;
    change(params);
    ib_session* session = nullptr;
    ib_error error{};
    EXPECT_EQ(table().session_create(model.get(), &params, &session, &error), IB_INVALID_ARGUMENT) << what;
    EXPECT_EQ(session, nullptr) << what;
    expect_readable(error);
  };
  expect_refused("no slots", [](auto& params) { params.n_slots = 0; });
  expect_refused("negative slots", [](auto& params) { params.n_slots = -1; });
  expect_refused("no tokens", [](auto& params) { params.max_tokens = 0; });
  expect_refused("more tokens than the context", [](auto& params) { params.max_tokens = 129; });
  expect_refused("negative max_forward_tokens", [](auto& params) { params.max_forward_tokens = -1; });
  expect_refused("a struct that is too short", [](auto& params) { params.struct_size = 8; });
}

TEST(CreateArguments, Init) {
  ib_host host{};
  host.struct_size = sizeof(host);
  for (const std::int32_t n_threads : {0, -3}) {
    ib_init_params params{};
    params.struct_size = sizeof(params);
    params.host = &host;
    params.n_threads = n_threads;
    ib_context* context = nullptr;
    ib_error error{};
    EXPECT_EQ(table().init(&params, &context, &error), IB_INVALID_ARGUMENT);
    EXPECT_EQ(context, nullptr);
    expect_readable(error);
  }
}

TEST(CreateArguments, Model) {
  const auto status_of = [](const std::function<void(AlteredWeights&)>& change, const char* precision = nullptr) {
    AlteredWeights weights("tiny");
    change(weights);
    const RawModel model(weights.desc(), precision);
    if (model.status() != IB_OK) {
      expect_readable(model.error());
      EXPECT_EQ(model.get(), nullptr);
    }
    return model.status();
  };
  EXPECT_EQ(status_of([](auto&) {}), IB_OK);
  EXPECT_EQ(status_of([](auto&) {}, "no_such_precision"), IB_UNSUPPORTED);
  EXPECT_EQ(status_of([](auto& weights) { weights.desc().activation = 99; }), IB_UNSUPPORTED);
  EXPECT_EQ(status_of([](auto& weights) { weights.tensor("h.1.ln_1.weight").dtype = 99; }), IB_UNSUPPORTED);
  EXPECT_EQ(status_of([](auto& weights) { weights.tensors().pop_back(); }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](auto& weights) { weights.desc().n_layers = 0; }), IB_INVALID_ARGUMENT);
  EXPECT_EQ(status_of([](auto& weights) { weights.desc().n_heads = 5; }), IB_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace inferbench::conformance
