// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "conformance/rules.hpp"
#include "support/counted.hpp"

namespace inferbench::conformance {

namespace {

void last_is_last_row(Check& check) {
  TestModel weights;
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
  TestModel weights;
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
  ModelConfig config = TestModel::small();
  config.tied_head = false;
  TestModel plain(config);
  const std::int32_t winner = Session(Candidate(check.subject(), plain.desc())).greedy(0, ids);
  for (const std::int32_t low : {0, 3, 40}) {
    // The winner's row of the head is copied to a low id and to the highest id.
    TestModel altered(config);
    altered.copy_row("lm_head.weight", winner, low);
    altered.copy_row("lm_head.weight", winner, config.vocab - 1);
    const std::int32_t found = Session(Candidate(check.subject(), altered.desc())).greedy(0, ids);
    check.expect_equal(found, std::min(low, winner),
                       fmt::format("greedy, with {}, {} and {} equal", low, winner, config.vocab - 1));
  }
}

void none_only_advances(Check& check) {
  TestModel weights;
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

void nothing_beyond_the_output(Check& check) {
  constexpr float kMark = -12345.5F;
  TestModel weights;
  const Candidate model(check.subject(), weights.desc());
  const Session session(model, 2);
  const auto vocab = static_cast<std::size_t>(session.vocab());
  Batch batch;
  batch.add(1, test_tokens(5, 1));
  batch.add(0, test_tokens(3, 2));
  for (const std::int32_t output : {IB_OUTPUT_NONE, IB_OUTPUT_LAST_LOGITS, IB_OUTPUT_ALL_LOGITS, IB_OUTPUT_GREEDY}) {
    std::vector<float> logits(9 * vocab, kMark);
    std::vector<std::int32_t> ids(4, -77);
    ib_forward_params call = batch.params();
    call.output = output;
    call.logits = logits.data();
    call.logits_capacity = logits.size();
    call.ids = ids.data();
    call.ids_capacity = ids.size();
    ib_error error;
    if (!check.expect_equal(session.forward(call, error), IB_OK, fmt::format("status for output {}", output))) return;
    const std::size_t rows = output == IB_OUTPUT_ALL_LOGITS ? 8 : output == IB_OUTPUT_LAST_LOGITS ? 2 : 0;
    const std::size_t n_ids = output == IB_OUTPUT_GREEDY ? 2 : 0;
    const auto end = logits.begin() + static_cast<std::ptrdiff_t>(rows * vocab);
    check.expect(std::count(logits.begin(), end, kMark) == 0, fmt::format("output {} leaves logits unwritten", output));
    check.expect(std::count(end, logits.end(), kMark) == logits.end() - end,
                 fmt::format("output {} writes beyond its logits", output));
    check.expect_equal(std::count(ids.begin(), ids.end(), -77), static_cast<long long>(4 - n_ids),
                       fmt::format("output {}: ids, which must not be written", output));
    for (const std::int32_t slot : {0, 1}) session.truncate(slot);
  }
}

void exact_buffers_suffice(Check& check) {
  TestModel weights;
  const Candidate model(check.subject(), weights.desc());
  const Session session(model);
  Batch batch;
  batch.add(0, test_tokens(4));
  std::vector<float> logits(4 * static_cast<std::size_t>(session.vocab()));
  ib_forward_params call = batch.params();
  call.output = IB_OUTPUT_ALL_LOGITS;
  call.logits = logits.data();
  call.logits_capacity = logits.size();
  ib_error error;
  check.expect_equal(session.forward(call, error), IB_OK, "status for a buffer of just the right size");
}

constexpr Rule kOutputRules[] = {
    {"outputs.last_is_last_row", "the last logits are the last row of all logits", last_is_last_row},
    {"outputs.greedy_is_argmax", "the greedy id is that of the largest last logit", greedy_is_argmax},
    {"outputs.greedy_takes_lowest", "if logits are equal, greedy takes the lowest id", greedy_takes_lowest},
    {"outputs.none_only_advances", "without output, the cache still advances", none_only_advances},
    {"outputs.nothing_beyond", "every requested value is written, and nothing else", nothing_beyond_the_output},
    {"outputs.exact_buffers_suffice", "a buffer of just the right size is large enough", exact_buffers_suffice}};

}  // namespace

std::span<const Rule> output_rules() {
  return kOutputRules;
}

}  // namespace inferbench::conformance
