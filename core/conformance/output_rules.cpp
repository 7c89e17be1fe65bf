// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "conformance/rules.hpp"
#include "support/counted.hpp"

namespace inferbench::conformance {

namespace {

void last_is_last_row(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const Session session(model);
  for (const std::size_t n : {1U, 2U, 13U, 32U, 100U}) {
    const auto ids = test_tokens(n);
    const auto all = session.all_logits(0, ids);
    session.truncate(0);
    check.expect_near(row_of(all, n - 1, session.vocab()), session.last_logits(0, ids), counted(n, "token"));
    session.truncate(0);
  }
}

void greedy_is_argmax(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const Session session(model);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto ids = test_tokens(1 + seed, seed);
    const auto logits = session.last_logits(0, ids);
    session.truncate(0);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    check.expect_equal(session.greedy(0, ids), best, "the greedy id after " + counted(ids.size(), "token"));
    session.truncate(0);
  }
}

void greedy_takes_lowest(Check& check) {
  const auto ids = test_tokens(9);
  ModelConfig config = check.subject().plain();
  config.tied_head = false;
  TestModel plain(config);
  const std::int32_t winner = Session(Candidate(check.subject(), plain.desc())).greedy(0, ids);
  for (const std::int32_t low : {0, 3, 40}) {
    // The winner's row of the head is copied to a low id and to the highest id.
    TestModel altered(config);
    altered.copy_row("head.weight", winner, low);
    altered.copy_row("head.weight", winner, config.vocab_size - 1);
    const Candidate model(check.subject(), altered.desc());
    const Session session(model);
    const auto logits = session.last_logits(0, ids);
    session.truncate(0);
    const std::string rows =
        fmt::format("rows {}, {} and {} of the head are equal", low, winner, config.vocab_size - 1);
    // A library may sum the columns of a product in different orders, so that equal rows have logits that differ in the
    // last bit.
    const auto logit_of = [&](std::int32_t id) { return logits[static_cast<std::size_t>(id)]; };
    if (logit_of(low) != logit_of(winner) || logits.back() != logit_of(winner)) {
      check.not_tried(rows + ", but not their logits");
      continue;
    }
    check.expect_equal(session.greedy(0, ids), std::min(low, winner), rows + ", greedy");
  }
}

void none_only_advances(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const Session session(model);
  const auto ids = test_tokens(30);
  const auto all = session.all_logits(0, ids);
  session.truncate(0);
  Batch batch;
  batch.add(0, part(ids, 0, 29));
  batch.advance(session);
  check.expect_near(row_of(all, 29, session.vocab()), session.last_logits(0, part(ids, 29, 30)),
                    "after 29 tokens without output");
}

// Expects that a call writes all that its sequences want and not a value more.
void expect_exact_writes(Check& check, const Session& session, const Batch& batch, const std::string& what) {
  constexpr float kMark = -12345.5F;
  constexpr std::int32_t kIdMark = -77;
  const std::size_t n_logits = batch.n_rows() * static_cast<std::size_t>(session.vocab());
  std::vector<float> logits(n_logits + 500, kMark);
  std::vector<std::int32_t> ids(batch.n_ids() + 3, kIdMark);
  ib_forward_params call = batch.params();
  call.logits = logits.data();
  call.logits_capacity = logits.size();
  call.ids = ids.data();
  call.ids_capacity = ids.size();
  ib_error error;
  if (!check.expect_equal(session.forward(call, error), IB_OK, "status for " + what)) return;
  const auto end = logits.begin() + static_cast<std::ptrdiff_t>(n_logits);
  check.expect(std::count(logits.begin(), end, kMark) == 0, what + " leaves logits unwritten");
  check.expect(std::count(end, logits.end(), kMark) == logits.end() - end, what + " writes beyond its logits");
  const auto ids_end = ids.begin() + static_cast<std::ptrdiff_t>(batch.n_ids());
  check.expect(std::count(ids.begin(), ids_end, kIdMark) == 0, what + " leaves ids unwritten");
  check.expect(std::count(ids_end, ids.end(), kIdMark) == ids.end() - ids_end, what + " writes beyond its ids");
}

constexpr std::int32_t kOutputs[] = {IB_OUTPUT_NONE, IB_OUTPUT_LAST_LOGITS, IB_OUTPUT_ALL_LOGITS, IB_OUTPUT_GREEDY};

void nothing_beyond_the_output(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const Session session(model, 2);
  Batch batch;
  batch.add(1, test_tokens(5, 1));
  batch.add(0, test_tokens(3, 2));
  for (const std::int32_t output : kOutputs) {
    expect_exact_writes(check, session, batch.with_output(output), fmt::format("output {}", output));
    for (const std::int32_t slot : {0, 1}) session.truncate(slot);
  }
  Batch mixed;
  mixed.add(1, test_tokens(5, 1), IB_OUTPUT_ALL_LOGITS);
  mixed.add(0, test_tokens(3, 2), IB_OUTPUT_GREEDY);
  expect_exact_writes(check, session, mixed, "a call of ALL_LOGITS and GREEDY");
}

/// Sequences of one call that want different outputs, with different pasts. Slots are in no order.
struct MixedCall {
  static constexpr std::int32_t kSlots = 9;

  explicit MixedCall(std::int32_t vocab) {
    for (std::int32_t i = 0; i < kSlots; ++i) {
      const std::size_t past = 5U * (static_cast<std::size_t>(i) % 3);
      const auto seed = 40 + static_cast<std::uint64_t>(i);
      tokens.push_back(test_tokens(past + 1 + static_cast<std::size_t>(i * 5 % 7), seed, vocab));
      pasts.push_back(past);
      outputs.push_back(kOutputs[(i * 3 + 1) % 4]);
      if (past > 0) before.add(slot(i), part(tokens.back(), 0, past));
      call.add(slot(i), part(tokens.back(), past, tokens.back().size()), outputs.back());
    }
  }
  static std::int32_t slot(std::int32_t i) { return (i * 4 + 2) % kSlots; }

  Batch before;
  Batch call;
  std::vector<std::vector<std::int32_t>> tokens;  // [kSlots]
  std::vector<std::size_t> pasts;
  std::vector<std::int32_t> outputs;
};

void mixed_in_one_call(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const MixedCall mixed(model.vocab());
  const Session session(model, MixedCall::kSlots);
  mixed.before.advance(session);
  const Output found = mixed.call.run(session);

  const Session plain(model, MixedCall::kSlots);
  mixed.before.advance(plain);
  const std::vector<float> last = mixed.call.logits(plain, IB_OUTPUT_LAST_LOGITS);
  std::vector<float> logits;
  std::vector<std::int32_t> ids;
  for (std::size_t i = 0; i < mixed.tokens.size(); ++i) {
    const auto row = row_of(last, i, model.vocab());
    const auto all = Session(model).all_logits(0, mixed.tokens[i]);
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(mixed.pasts[i]) * model.vocab();
    if (mixed.outputs[i] == IB_OUTPUT_ALL_LOGITS) logits.insert(logits.end(), first, all.end());
    if (mixed.outputs[i] == IB_OUTPUT_LAST_LOGITS) logits.insert(logits.end(), row.begin(), row.end());
    if (mixed.outputs[i] != IB_OUTPUT_GREEDY) continue;
    ids.push_back(static_cast<std::int32_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  check.expect_near(logits, found.logits, "the logits of a call that mixes NONE, LAST, ALL and GREEDY");
  check.expect(ids == found.ids, "the ids of a call that mixes NONE, LAST, ALL and GREEDY are wrong");
  for (std::int32_t i = 0; i < MixedCall::kSlots; ++i) {  // sequences without output have advanced, too
    const std::vector next{9};
    check.expect_near(plain.last_logits(MixedCall::slot(i), next), session.last_logits(MixedCall::slot(i), next),
                      fmt::format("the token of slot {} after such a call", MixedCall::slot(i)));
  }
}

void exact_buffers_suffice(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const Session session(model, 2);
  Batch batch;
  batch.add(0, test_tokens(4), IB_OUTPUT_ALL_LOGITS);
  batch.add(1, test_tokens(4), IB_OUTPUT_GREEDY);
  std::vector<float> logits(4 * static_cast<std::size_t>(session.vocab()));
  std::int32_t id = 0;
  ib_forward_params call = batch.params();
  call.logits = logits.data();
  call.logits_capacity = logits.size();
  call.ids = &id;
  call.ids_capacity = 1;
  ib_error error;
  check.expect_equal(session.forward(call, error), IB_OK, "status for buffers of just the right size");
}

constexpr Rule kOutputRules[] = {
    {"outputs.last_is_last_row", "the last logits are the last row of all logits", last_is_last_row},
    {"outputs.greedy_is_argmax", "the greedy id is that of the largest last logit", greedy_is_argmax},
    {"outputs.greedy_takes_lowest", "if logits are equal, greedy takes the lowest id", greedy_takes_lowest},
    {"outputs.none_only_advances", "without output, the cache still advances", none_only_advances},
    {"outputs.nothing_beyond", "every requested value is written, and nothing else", nothing_beyond_the_output},
    {"outputs.mixed_in_one_call", "each sequence of a call gets the output that it wants", mixed_in_one_call},
    {"outputs.exact_buffers_suffice", "a buffer of just the right size is large enough", exact_buffers_suffice}};

}  // namespace

std::span<const Rule> output_rules() {
  return kOutputRules;
}

}  // namespace inferbench::conformance
