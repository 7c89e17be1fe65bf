// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "conformance/rules.hpp"
#include "support/counted.hpp"

namespace inferbench::conformance {

namespace {

// All logits of `ids`, fed to slot 0 `chunk` tokens at a time.
std::vector<float> in_chunks(const Session& session, const std::vector<std::int32_t>& ids, std::size_t chunk) {
  std::vector<float> joined;
  for (std::size_t begin = 0; begin < ids.size(); begin += chunk) {
    const auto piece = session.all_logits(0, part(ids, begin, std::min(begin + chunk, ids.size())));
    joined.insert(joined.end(), piece.begin(), piece.end());
  }
  return joined;
}

void chunked_equals_whole(Check& check, const ModelConfig& config) {
  TestModel weights(config);
  const Candidate model(check.subject(), weights.desc());
  const Session session(model);
  const auto ids = test_tokens(128);
  const auto whole = session.all_logits(0, ids);
  for (const std::size_t chunk : {1U, 2U, 7U, 31U, 32U, 33U, 127U}) {
    const Session fresh(model);
    check.expect_near(whole, in_chunks(fresh, ids, chunk), fmt::format("in calls of {}", chunk), {model.vocab()});
  }
}

void causal(Check& check, const ModelConfig& config) {
  TestModel weights(config);
  const Candidate model(check.subject(), weights.desc());
  auto ids = test_tokens(60);
  const auto first = Session(model).all_logits(0, ids);
  ids[40] = (ids[40] + 1) % model.vocab();
  const auto second = Session(model).all_logits(0, ids);
  const auto seen = static_cast<std::ptrdiff_t>(40) * model.vocab();
  check.expect_same({first.begin(), first.begin() + seen}, {second.begin(), second.begin() + seen},
                    "40 tokens before another one", {model.vocab()});
  check.expect(row_of(first, 40, model.vocab()) != row_of(second, 40, model.vocab()),
               "a different token does not change the logits");
}

void rows_are_independent(Check& check, const ModelConfig& config) {
  TestModel weights(config);
  const Candidate model(check.subject(), weights.desc());
  const auto alone = Session(model).last_logits(0, test_tokens(21, 7));
  for (std::int32_t probe = 0; probe < 4; ++probe) {
    std::vector<float> first;
    for (std::uint64_t others = 0; others < 3; ++others) {
      const Session session(model, 4);
      Batch batch;
      for (std::int32_t slot = 0; slot < 4; ++slot) {
        batch.add(slot, test_tokens(21, slot == probe ? 7 : 100 + 4 * others + static_cast<std::uint64_t>(slot)));
      }
      const auto logits = batch.logits(session, IB_OUTPUT_LAST_LOGITS);
      const auto row = row_of(logits, static_cast<std::size_t>(probe), model.vocab());
      if (others == 0) first = row;
      check.expect_same(first, row, fmt::format("sequence {} of 4, next to others", probe));
    }
    check.expect_near(alone, first, fmt::format("alone and as sequence {} of 4", probe));
  }
}

void ragged_batches(Check& check, const ModelConfig& config) {
  const std::vector<std::size_t> past = {0, 40, 3, 0, 90};
  const std::vector<std::size_t> fresh = {64, 1, 33, 1, 12};
  TestModel weights(config);
  const Candidate model(check.subject(), weights.desc());
  const Session batched(model, 5);
  Batch before;
  Batch batch;
  std::vector<float> expected;
  for (const std::size_t s : {3U, 1U, 0U, 4U, 2U}) {  // slots in arbitrary order
    const auto ids = test_tokens(past[s] + fresh[s], s);
    if (past[s] > 0) before.add(static_cast<std::int32_t>(s), part(ids, 0, past[s]));
    batch.add(static_cast<std::int32_t>(s), part(ids, past[s], ids.size()));
    const auto all = Session(model).all_logits(0, ids);
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(past[s]) * model.vocab();
    expected.insert(expected.end(), begin, all.end());
  }
  before.advance(batched);
  check.expect_near(expected, batch.logits(batched, IB_OUTPUT_ALL_LOGITS), "five sequences of different lengths");
}

void outputs_in_call_order(Check& check, const ModelConfig& config) {
  TestModel weights(config);
  const Candidate model(check.subject(), weights.desc());
  Batch batch;
  for (std::int32_t slot = 39; slot >= 0; --slot) batch.add(slot, test_tokens(1 + static_cast<std::size_t>(slot), 5));
  const auto last = batch.logits(Session(model, 40), IB_OUTPUT_LAST_LOGITS);
  const auto ids = batch.greedy(Session(model, 40));
  // The longest sequence; the others are prefixes of it.
  const auto all = Session(model).all_logits(0, test_tokens(40, 5));
  for (std::size_t i = 0; i < 40; ++i) {
    const auto row = row_of(last, i, model.vocab());
    check.expect_near(row_of(all, 39 - i, model.vocab()), row, fmt::format("sequence {} of 40", i));
    check.expect_equal(ids[i], std::max_element(row.begin(), row.end()) - row.begin(),
                       fmt::format("the greedy id of sequence {} of 40", i));
  }
}

void slots_are_independent(Check& check, const ModelConfig& config) {
  TestModel weights(config);
  const Candidate model(check.subject(), weights.desc());
  const Session session(model, 3);
  const auto ids = test_tokens(50, 3);
  const auto whole = Session(model).all_logits(0, ids);
  std::vector<float> joined = session.all_logits(1, part(ids, 0, 20));
  session.all_logits(0, test_tokens(77, 8));
  session.all_logits(2, test_tokens(128, 9));
  session.truncate(0, 5);
  const auto middle = session.all_logits(1, part(ids, 20, 45));
  session.truncate(2);
  session.all_logits(2, test_tokens(100, 10));
  const auto end = session.all_logits(1, part(ids, 45, 50));
  joined.insert(joined.end(), middle.begin(), middle.end());
  joined.insert(joined.end(), end.begin(), end.end());
  check.expect_near(whole, joined, "a slot while its neighbours were filled and emptied", {model.vocab()});
}

// Feeds several calls after the rewind: a stale entry only affects calls after the one that should have replaced it.
void truncate_forgets(Check& check, const ModelConfig& config) {
  TestModel weights(config);
  const Candidate model(check.subject(), weights.desc());
  const auto ids = test_tokens(90, 4);
  for (const std::size_t keep : {0U, 1U, 17U, 32U, 63U}) {
    const Session fresh(model);
    const Session session(model);
    for (const Session* one : {&fresh, &session}) {
      if (keep > 0) one->all_logits(0, part(ids, 0, keep));
    }
    session.all_logits(0, test_tokens(27, 99));  // different tokens at the same positions
    session.truncate(0, static_cast<std::int32_t>(keep));
    for (const auto& [begin, end] :
         {std::pair<std::size_t, std::size_t>{keep, keep + 9}, {keep + 9, keep + 10}, {keep + 10, 90}}) {
      check.expect_same(fresh.all_logits(0, part(ids, begin, end)), session.all_logits(0, part(ids, begin, end)),
                        fmt::format("tokens {} to {}, after a truncate to {}", begin, end - 1, keep),
                        {model.vocab(), static_cast<std::int32_t>(begin)});
    }
  }
}

void same_calls_same_bits(Check& check, const ModelConfig& config) {
  TestModel weights(config);
  for (const std::int32_t n_threads : {1, 2, 3}) {
    std::vector<float> first;
    for (int repeat = 0; repeat < 3; ++repeat) {
      const Candidate model(check.subject(), weights.desc(), n_threads);
      const auto logits = Session(model).all_logits(0, test_tokens(70));
      if (repeat == 0) first = logits;
      check.expect_same(first, logits, fmt::format("{}, repeat {}", counted(n_threads, "thread"), repeat));
    }
  }
}

void exactly_max_tokens(Check& check, const ModelConfig& config) {
  TestModel weights(config);
  const Candidate model(check.subject(), weights.desc());
  for (const std::int32_t max_tokens : {1, 33, 128}) {
    const Session session(model, 2, max_tokens);
    const auto ids = test_tokens(static_cast<std::size_t>(max_tokens));
    check.expect_near(Session(model).all_logits(0, ids), session.all_logits(1, ids),
                      fmt::format("a slot of {}, filled", counted(max_tokens, "position")), {model.vocab()});
  }
}

// Tries a rule with the plain model, then with the model that has all of the backend's features.
template <void (*rule)(Check&, const ModelConfig&)>
void with_all_bases(Check& check) {
  for (const NamedConfig& base : check.subject().bases()) {
    check.set_scene(base.name);
    rule(check, base.config);
  }
}

constexpr Rule kSequenceRules[] = {
    {"sequences.chunked_equals_whole", "feeding tokens in several calls gives the logits of one call",
     with_all_bases<chunked_equals_whole>},
    {"sequences.causal", "a token does not attend to later ones", with_all_bases<causal>},
    {"sequences.rows_are_independent", "sequences of one call do not influence each other",
     with_all_bases<rows_are_independent>},
    {"sequences.ragged_batches", "sequences of one call may differ in length and past", with_all_bases<ragged_batches>},
    {"sequences.outputs_in_call_order", "outputs come in the order of the call, not of the slots",
     with_all_bases<outputs_in_call_order>},
    {"sequences.slots_are_independent", "slots advance and rewind independently",
     with_all_bases<slots_are_independent>},
    {"sequences.truncate_forgets",
     "after a truncate, logits are bit-identical to those of a session that never saw the rest",
     with_all_bases<truncate_forgets>},
    {"sequences.same_calls_same_bits", "the same calls with the same number of threads give the same bits",
     with_all_bases<same_calls_same_bits>},
    {"sequences.exactly_max_tokens", "a slot holds max_tokens positions", with_all_bases<exactly_max_tokens>}};

}  // namespace

std::span<const Rule> sequence_rules() {
  return kSequenceRules;
}

}  // namespace inferbench::conformance
