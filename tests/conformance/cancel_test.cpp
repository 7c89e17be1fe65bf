// SPDX-License-Identifier: Apache-2.0
// Cancellation is asked for at least once a layer, and leaves a session that works; progress is reported.
#include <memory>

#include "conformance/altered_weights.hpp"
#include "conformance/harness.hpp"

namespace inferbench::conformance {
namespace {

constexpr std::int32_t kContext = 128;

struct Poll {
  int n_asked = 0;
  int cancel_at = -1;  ///< the question that is answered with yes; -1: none
  bool operator()() { return n_asked++ == cancel_at; }
};

TEST(Cancel, ForwardAsksAtLeastOnceALayer) {
  Poll poll;
  const BackendSession session(make_model(2, {{}, {}, [&] { return poll(); }}), 1, kContext);
  poll = {};
  session.last_logits(0, tokens(10));
  EXPECT_GE(poll.n_asked, tiny().config().n_layers);
}

TEST(Cancel, TruncateMakesTheSessionUsableAgain) {
  Poll poll;
  const BackendSession session(make_model(2, {{}, {}, [&] { return poll(); }}), 2, kContext);
  const auto prompt = tokens(20, 1);
  Batch batch;
  batch.add(0, tokens(30, 2));
  batch.add(1, tokens(45, 3));
  session.all_logits(0, prompt);
  const auto expected = batch.logits(session, IB_OUTPUT_ALL_LOGITS);
  int n_cancelled = 0;
  for (int at = 0;; ++at) {
    session.truncate(0, 20);
    session.truncate(1, 0);
    poll = {0, at};
    ib_error error;
    const ib_status status = forward(session, batch.params(), error);
    if (status == IB_OK) break;  // it asked fewer times than that
    ASSERT_EQ(status, IB_CANCELLED);
    expect_readable(error);
    ++n_cancelled;
    session.truncate(0, 20);
    session.truncate(1, 0);
    poll = {};
    expect_same(expected, batch.logits(session, IB_OUTPUT_ALL_LOGITS), "cancelled at question " + std::to_string(at));
  }
  EXPECT_GE(n_cancelled, tiny().config().n_layers);
}

TEST(Cancel, ACancelledCallMayAlsoRewindFurther) {
  Poll poll;
  const BackendSession session(make_model(2, {{}, {}, [&] { return poll(); }}), 1, kContext);
  const auto ids = tokens(60, 4);
  const auto expected = session.all_logits(0, ids);
  session.truncate(0, 50);
  poll = {0, 1};
  EXPECT_THROW(session.all_logits(0, tokens(70, 9)), BackendError);
  poll = {};
  session.truncate(0, 10);
  const auto rest = session.all_logits(0, std::span(ids).subspan(10));
  expect_near(std::span(expected).last(rest.size()), rest, "after a cancelled call");
}

TEST(Cancel, ModelCreate) {
  int n_cancelled = 0;
  for (int at = 0;; ++at) {
    Poll poll{0, at};
    try {
      make_model(2, {{}, {}, [&] { return poll(); }});
      break;
    } catch (const BackendError& error) {
      ASSERT_EQ(error.status(), IB_CANCELLED) << error.what();
      ++n_cancelled;
    }
  }
  EXPECT_GE(n_cancelled, tiny().config().n_layers);
}

TEST(Progress, ModelCreateReportsItsShareInOrder) {
  std::vector<double> reported;
  make_model(2, {{}, [&](double fraction) { reported.push_back(fraction); }, {}});
  EXPECT_GE(reported.size(), 10U);
  double last = 0;
  for (const double fraction : reported) {
    EXPECT_GE(fraction, last);
    EXPECT_LE(fraction, 1.0);
    last = fraction;
  }
  EXPECT_GT(last, 0.9);
}

TEST(Callbacks, MayAllBeMissing) {
  AlteredWeights weights("tiny");
  const auto ids = tokens(12);
  const BackendSession session(make_model(), 1, kContext);
  expect_same(session.last_logits(0, ids), RawModel(weights.desc()).last_logits(ids), "a host without callbacks");
}

}  // namespace
}  // namespace inferbench::conformance
