// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "conformance/rules.hpp"
#include "support/counted.hpp"

namespace inferbench::conformance {

namespace {

// A host that counts how often it is asked whether to cancel, and says yes once.
struct Poll {
  int n_asked = 0;
  int cancel_at = -1;  ///< index of the question that is answered with yes; -1: none
  std::vector<double> progress;
  ib_host host{};

  Poll() {
    host.struct_size = sizeof(host);
    host.user = this;
    host.is_cancelled = [](void* user) -> std::int32_t {
      auto* poll = static_cast<Poll*>(user);
      return poll->n_asked++ == poll->cancel_at ? 1 : 0;
    };
    host.progress = [](void* user, double fraction) { static_cast<Poll*>(user)->progress.push_back(fraction); };
  }
  void reset(int at = -1) {
    n_asked = 0;
    cancel_at = at;
  }
};

void forward_polls(Check& check) {
  Poll poll;
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc(), 2, &poll.host);
  const Session session(model);
  poll.reset();
  session.last_logits(0, test_tokens(10));
  check.expect(poll.n_asked >= weights.config().n_layers,
               fmt::format("forward through {} asks {}", counted(weights.config().n_layers, "layer"),
                           counted(poll.n_asked, "time")));
}

void cancel_and_revive(Check& check) {
  Poll poll;
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc(), 2, &poll.host);
  const Session session(model, 2);
  const auto prompt = test_tokens(20, 1);
  Batch batch;
  batch.add(0, test_tokens(30, 2));
  batch.add(1, test_tokens(45, 3));
  session.all_logits(0, prompt);
  const auto expected = batch.logits(session, IB_OUTPUT_ALL_LOGITS);
  for (int at = 0; at < 1000; ++at) {
    session.truncate(0, 20);
    session.truncate(1);
    poll.reset(at);
    ib_error error;
    const ib_status status = session.forward(batch.params(), error);
    if (status == IB_OK && poll.n_asked <= at) {  // forward asks fewer questions than this
      if (at == 0) check.not_tried("forward never asks whether to stop");
      return;
    }
    if (!check.expect_equal(status, IB_CANCELLED, fmt::format("status after cancelling at question {}", at))) return;
    session.truncate(0, 20);
    session.truncate(1);
    poll.reset();
    check.expect_same(expected, batch.logits(session, IB_OUTPUT_ALL_LOGITS),
                      fmt::format("the same call after it was cancelled at question {}", at));
  }
}

void cancel_and_rewind(Check& check) {
  Poll poll;
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc(), 2, &poll.host);
  const Session session(model);
  const auto ids = test_tokens(60, 4);
  const auto whole = Session(model).all_logits(0, ids);
  session.all_logits(0, ids);
  session.truncate(0, 50);
  poll.reset(0);
  Batch batch;
  batch.add(0, test_tokens(70, 9));
  ib_error error;
  if (session.forward(batch.params(), error) != IB_CANCELLED) {  // callbacks.cancel_and_revive reports this
    return check.not_tried("forward was not cancelled");
  }
  poll.reset();
  session.truncate(0, 10);
  const auto rest = session.all_logits(0, part(ids, 10, 60));
  check.expect_near({whole.end() - static_cast<std::ptrdiff_t>(rest.size()), whole.end()}, rest,
                    "after a cancelled call and a rewind to before it");
}

void model_create_polls(Check& check) {
  TestModel weights(check.subject().plain());
  int n_cancelled = 0;
  for (int at = 0; at < 100'000; ++at) {
    Poll poll;
    poll.reset(at);
    const Candidate model(check.subject(), weights.desc(), 2, &poll.host);
    if (model.status() == IB_OK && poll.n_asked <= at) break;
    if (!check.expect_equal(model.status(), IB_CANCELLED, fmt::format("status after cancelling at question {}", at)))
      return;
    ++n_cancelled;
  }
  check.expect(n_cancelled >= weights.config().n_layers,
               fmt::format("model_create of {} asks {}", counted(weights.config().n_layers, "layer"),
                           counted(n_cancelled, "time")));
}

void progress_in_order(Check& check) {
  Poll poll;
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc(), 2, &poll.host);
  const std::vector<double>& reported = poll.progress;
  if (!check.expect(reported.size() >= 10,
                    fmt::format("model_create reports its progress {}", counted(reported.size(), "time"))))
    return;
  double last = 0;
  for (const double fraction : reported) {
    check.expect(fraction >= last && fraction <= 1, fmt::format("progress {} follows {}", fraction, last));
    last = fraction;
  }
  check.expect(last > 0.9, fmt::format("the last reported progress is {}", last));
}

void callbacks_may_be_missing(Check& check) {
  Poll poll;
  TestModel weights(check.subject().plain());
  const auto ids = test_tokens(12);
  const auto expected = Session(Candidate(check.subject(), weights.desc(), 2, &poll.host)).last_logits(0, ids);
  const auto found = Session(Candidate(check.subject(), weights.desc())).last_logits(0, ids);
  check.expect_same(expected, found, "with a host that has no callbacks");
}

constexpr Rule kCancelRules[] = {
    {"callbacks.forward_polls", "forward asks at least once per layer whether to stop", forward_polls},
    {"callbacks.cancel_and_revive", "after a cancel, truncate restores the session", cancel_and_revive},
    {"callbacks.cancel_and_rewind", "truncate may rewind to before the cancelled call", cancel_and_rewind},
    {"callbacks.model_create_polls", "model_create asks at least once per layer whether to stop", model_create_polls},
    {"callbacks.progress_in_order", "model_create reports its progress at least ten times, in order",
     progress_in_order},
    {"callbacks.may_be_missing", "any callback may be null", callbacks_may_be_missing}};

}  // namespace

std::span<const Rule> cancel_rules() {
  return kCancelRules;
}

}  // namespace inferbench::conformance
