// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <limits>
#include <memory>

#include "conformance/process_state.hpp"
#include "conformance/rules.hpp"
#include "support/counted.hpp"

namespace inferbench::conformance {

namespace {

// The growth that an allocator itself may show over a hundred lives, in bytes.
constexpr std::uint64_t kNoise = std::uint64_t{1} << 20U;
constexpr std::uint64_t kLargeNoise = std::uint64_t{4} << 20U;

std::string not_sanitized(const Subject&) {
#ifdef INFERBENCH_SANITIZED
  return "the sanitizer's own memory would hide the backend's";
#else
  return {};
#endif
}

std::string promises_concurrency(const Subject& subject) {
  const bool promised = (subject.table().flags & IB_FLAG_CONCURRENT_SESSIONS) != 0;
  return promised ? "" : "the table does not set IB_FLAG_CONCURRENT_SESSIONS";
}

void init_again(Check& check) {
  TestModel weights(check.subject().plain());
  const auto ids = test_tokens(20);
  const Candidate first(check.subject(), weights.desc());
  const Session session(first);
  const auto expected = session.last_logits(0, ids);
  for (const std::int32_t n_threads : {1, 2, 3}) {
    const Candidate second(check.subject(), weights.desc(), n_threads);
    check.expect_near(expected, Session(second).last_logits(0, ids), "a second context next to the first");
  }
  session.truncate(0);
  check.expect_same(expected, session.last_logits(0, ids),
                    "the first context, after others were created and destroyed");
}

void two_models(Check& check) {
  TestModel weights(check.subject().plain());
  TestModel others(check.subject().plain(), IB_DTYPE_F32, 9);
  const auto ids = test_tokens(30);
  const Candidate one(check.subject(), weights.desc());
  const Candidate two(check.subject(), others.desc());
  const Session a(one);
  const Session b(two, 2, 64);
  const auto of_a = a.last_logits(0, ids);
  const auto of_b = b.last_logits(1, ids);
  check.expect_near(of_a, Session(one, 1, 64).last_logits(0, ids), "two sessions of one model");
  check.expect(of_a != of_b, "two models give the same logits");
  b.truncate(1);
  check.expect_same(of_b, b.last_logits(1, ids), "the other model's session, in turn");
}

void any_order_of_ends(Check& check) {
  TestModel weights(check.subject().plain());
  const auto ids = test_tokens(12);
  auto first = std::make_unique<Candidate>(check.subject(), weights.desc());
  auto second = std::make_unique<Candidate>(check.subject(), weights.desc());
  auto a = std::make_unique<Session>(*first);
  auto b = std::make_unique<Session>(*first);
  const Session c(*second);
  const auto expected = a->last_logits(0, ids);
  a.reset();  // the older session before the younger, then the older context before the younger
  check.expect_same(expected, b->last_logits(0, ids), "after an older session ended");
  b.reset();
  first.reset();
  check.expect_same(expected, c.last_logits(0, ids), "after an older context ended");
}

void another_thread(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const Session session(model);
  const auto ids = test_tokens(25);
  const auto expected = session.last_logits(0, ids);
  session.truncate(0);
  const auto found = std::async(std::launch::async, [&] { return session.last_logits(0, ids); }).get();
  check.expect_same(expected, found, "called from another thread");
}

void concurrent_sessions(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const auto ids = test_tokens(60);
  const auto expected = Session(model).all_logits(0, ids);
  std::vector<std::future<bool>> threads;
  for (int t = 0; t < 2; ++t) {
    threads.push_back(std::async(std::launch::async, [&] {
      const Session session(model);
      bool same = true;
      for (int i = 0; i < 20; ++i) {
        same = same && session.all_logits(0, ids) == expected;
        session.truncate(0);
      }
      return same;
    }));
  }
  for (auto& thread : threads) check.expect(thread.get(), "logits differ while another session computes");
}

// A host of a later minor version passes longer structs. The backend ignores everything after the fields it knows.
void longer_structs(Check& check) {
  struct Longer {
    ib_forward_params known;
    std::uint64_t newer[4];
  };
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  Batch batch;
  batch.add(0, test_tokens(4));
  Longer call{batch.params(), {1, 2, 3, 4}};
  call.known.struct_size = sizeof(call);
  ib_error error;
  check.expect_equal(Session(model).forward(call.known, error), IB_OK, "status for a longer ib_forward_params");
}

// The highest number of threads in this process while `work` ran, not counting the thread that counts.
template <typename Work>
int most_threads_during(Work work) {
  std::atomic<bool> done{false};
  std::atomic<int> most{0};
  std::atomic<int> n_counts{0};
  auto counter = std::async(std::launch::async, [&] {
    while (!done) {
      most = std::max(most.load(), n_threads_now() - 1);
      ++n_counts;
    }
  });
  try {
    while (n_counts < 200) work();
  } catch (...) {
    done = true;  // the future's destructor waits for the counter
    throw;
  }
  done = true;
  counter.get();
  return most;
}

void thread_count(Check& check) {
  TestModel weights(check.subject().plain());
  const std::int32_t n_driver_threads = std::max(check.subject().table().n_driver_threads, 0);
  const int before = n_threads_now();
  for (const std::int32_t n_threads : {1, 2, 3, 5}) {
    const Candidate model(check.subject(), weights.desc(), n_threads);
    const Session session(model);
    const auto ids = test_tokens(128);
    const int most = most_threads_during([&] {
      session.last_logits(0, ids);
      session.truncate(0);
    });
    const std::string drivers =
        n_driver_threads > 0 ? fmt::format(" (and {} of drivers)", counted(n_driver_threads, "thread")) : "";
    check.expect(most <= before + n_threads + n_driver_threads - 1,
                 fmt::format("init was told {}{}, but the backend ran {}", counted(n_threads, "thread"), drivers,
                             most - before + 1));
  }
}

// A driver may keep its threads for the life of the process, but must not start more with each context.
void threads_are_joined(Check& check) {
  TestModel weights(check.subject().plain());
  const std::int32_t n_driver_threads = std::max(check.subject().table().n_driver_threads, 0);
  int before = n_threads_now();
  int allowed = n_driver_threads;
  for (const std::int32_t n_threads : {1, 3}) {
    {
      const Candidate model(check.subject(), weights.desc(), n_threads);
      Session(model).last_logits(0, test_tokens(40));
    }
    const int after = n_threads_now();
    check.expect(after <= before + allowed,
                 fmt::format("{} after shutdown of a context with {}, {} before it", counted(after, "thread"),
                             counted(n_threads, "thread"), before));
    before = after;
    allowed = 0;
  }
}

std::string has_several_cpus(const Subject&) {
  const cpu_set_t cpus = affinity_now();
  return CPU_COUNT(&cpus) > 1 ? "" : "this process may run on only one CPU, so the set cannot be made smaller";
}

void affinity_is_left_alone(Check& check) {
  const cpu_set_t before = affinity_now();
  {
    TestModel weights(check.subject().plain());
    const Candidate model(check.subject(), weights.desc());
    Session(model).last_logits(0, test_tokens(20));
  }
  const cpu_set_t after = affinity_now();
  check.expect(CPU_EQUAL(&before, &after) != 0, "the calling thread may run on other CPUs than before");
}

void silent_stdout(Check& check) {
  StdoutCapture capture;
  {
    TestModel weights(check.subject().plain());
    const Candidate model(check.subject(), weights.desc());
    const Session session(model);
    session.last_logits(0, test_tokens(20));
    session.greedy(0, test_tokens(3));
    session.truncate(0);
  }
  const std::string text = capture.stop();
  check.expect(text.empty(), fmt::format("the backend wrote {} to stdout", counted(text.size(), "byte")));
}

// The least memory growth, in bytes, of three times a hundred lives. A leak grows every time, while an allocator's
// arenas, of which short-lived threads open more, fill up only once.
template <typename Live>
std::uint64_t growth_of_a_hundred(const Live& live) {
  for (int i = 0; i < 10; ++i) live();
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (int hundred = 0; hundred < 3 && least > kNoise; ++hundred) {
    const std::uint64_t before = anonymous_bytes_now();
    for (int i = 0; i < 100; ++i) live();
    const std::uint64_t after = anonymous_bytes_now();
    least = std::min(least, after > before ? after - before : 0);
  }
  return least;
}

void hundred_lives(Check& check) {
  TestModel weights(check.subject().plain());
  const auto live = [&] {
    const Candidate model(check.subject(), weights.desc());
    Session(model, 4).last_logits(0, test_tokens(40));
  };
  live();
  const int descriptors = n_descriptors_now();
  const std::uint64_t growth = growth_of_a_hundred(live);
  check.expect_equal(n_descriptors_now(), descriptors, "open files after 100 models");
  check.expect(growth <= kNoise, fmt::format("100 models leak {} bytes", growth));
}

void hundred_sessions(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const std::uint64_t growth = growth_of_a_hundred([&] { Session(model, 4).last_logits(0, test_tokens(40)); });
  check.expect(growth <= kNoise, fmt::format("100 sessions leak {} bytes", growth));
}

void memory_report(Check& check) {
  TestModel weights(check.subject().plain());
  const Candidate model(check.subject(), weights.desc());
  const ModelConfig& config = weights.config();
  const ib_model_info& info = model.info();
  const std::uint64_t parameters = weights.n_parameters();
  check.expect(info.weights_bytes > parameters / 4,  // nobody uses fewer than two bits per weight
               fmt::format("weights_bytes is {} for {} weights", info.weights_bytes, parameters));
  check.expect(info.decode_weights_bytes <= info.weights_bytes && info.decode_weights_bytes > info.weights_bytes / 8,
               fmt::format("decode_weights_bytes is {} of {}", info.decode_weights_bytes, info.weights_bytes));
  check.expect(info.device != nullptr && *info.device != '\0', "no device is named");
  check.expect(info.kernels != nullptr && *info.kernels != '\0', "no kernels are named");
  std::uint64_t kv_of_one = 0;
  for (const std::int32_t n_slots : {1, 16}) {
    const Session session(model, n_slots);
    const ib_session_info& held = session.info();
    if (held.device_bytes > 0) {
      check.not_tried(fmt::format("peak_bytes of {}: memory is on a device", counted(n_slots, "slot")));
    } else {
      check.expect(held.peak_bytes >= info.weights_bytes + held.kv_bytes + held.scratch_bytes,
                   fmt::format("peak_bytes is {}, less than weights, KV and scratch together", held.peak_bytes));
    }
    // At least half a byte per number of keys and values.
    const double least = 0.5 * decoder::kv_values_per_token(weights.desc()) * n_slots * config.max_positions;
    check.expect(static_cast<double>(held.kv_bytes) >= least,
                 fmt::format("kv_bytes of {} is {}", counted(n_slots, "slot"), held.kv_bytes));
    if (n_slots == 1) kv_of_one = held.kv_bytes;
    check.expect(n_slots == 1 || held.kv_bytes >= 8 * kv_of_one, "kv_bytes hardly grows with the slots");
  }
}

void memory_report_is_true(Check& check) {
  TestModel weights(large_config(check.subject().features()));
  const std::uint64_t before = anonymous_bytes_now();
  const Candidate model(check.subject(), weights.desc());
  constexpr std::int32_t kSlots = 4;
  const Session session(model, kSlots);
  const auto ids = test_tokens(256, 1, weights.config().vocab_size);
  for (std::int32_t slot = 0; slot < kSlots; ++slot) session.last_logits(slot, ids);
  const double grown = static_cast<double>(anonymous_bytes_now()) - static_cast<double>(before);
  const ib_session_info& held = session.info();
  if (held.device_bytes > 0) return check.not_tried("device memory is not part of the memory of the process");
  const auto reported = static_cast<double>(model.info().weights_bytes + held.kv_bytes + held.scratch_bytes);
  check.expect(grown <= 1.2 * reported + kLargeNoise && grown >= 0.8 * reported - kLargeNoise,
               fmt::format("the backend reports {:.0f} bytes, but the process grew by {:.0f}", reported, grown));
}

// A config.json may allow 131072 positions when a user wants a hundred: neither memory nor time may go by it.
void large_max_positions(Check& check) {
  constexpr std::int32_t kTokens = 64;
  ModelConfig config = check.subject().plain();
  config.n_layers = 1;
  config.layers.resize(1);
  std::uint64_t of_few = 0;
  for (const std::int32_t max_positions : {kTokens, 131072}) {
    config.max_positions = max_positions;
    TestModel weights(config);
    const std::uint64_t before = anonymous_bytes_now();
    const Candidate model(check.subject(), weights.desc());
    const Session session(model, 2, kTokens);
    session.last_logits(0, test_tokens(kTokens));
    const std::uint64_t after = anonymous_bytes_now();
    const ib_session_info& held = session.info();
    const std::uint64_t reported = held.kv_bytes + held.scratch_bytes;
    if (max_positions == kTokens) {
      of_few = reported;
      continue;
    }
    check.expect(reported <= 2 * of_few + kNoise,
                 fmt::format("a session of {} holds {} bytes of KV and scratch in a model of {}, "
                             "{} in one of {}",
                             counted(kTokens, "token"), reported, counted(max_positions, "position"), of_few, kTokens));
    if (not_sanitized(check.subject()).empty() && held.device_bytes == 0) {
      const double grown = static_cast<double>(after) - static_cast<double>(before);
      const auto allowed = static_cast<double>(model.info().weights_bytes + 2 * of_few + kLargeNoise);
      check.expect(grown <= allowed, fmt::format("model and session of a model of {} take {:.0f} bytes",
                                                 counted(max_positions, "position"), grown));
    }
  }
}

constexpr Rule kLifeRules[] = {
    {"life.init_again", "init may be called again, even while another context exists", init_again},
    {"life.two_models", "two models and several sessions can coexist", two_models},
    {"life.any_order_of_ends", "contexts and sessions may be destroyed in any order", any_order_of_ends},
    {"life.another_thread", "calls may come from another thread, one at a time", another_thread},
    {"life.concurrent_sessions", "two sessions may compute at once if the table says so", concurrent_sessions,
     promises_concurrency},
    {"life.longer_structs", "longer structs from a host of a later minor version are accepted", longer_structs},
    {"life.thread_count", "no more threads run than init was told and the table says of drivers", thread_count},
    {"life.threads_are_joined", "shutdown joins every thread", threads_are_joined},
    {"life.affinity_is_left_alone", "the CPU affinity is not changed", affinity_is_left_alone, has_several_cpus},
    {"life.silent_stdout", "nothing is written to stdout", silent_stdout},
    {"life.hundred_models", "100 models are created and destroyed without growth of memory or open files",
     hundred_lives, not_sanitized},
    {"life.hundred_sessions", "100 sessions are created and destroyed without growth of memory", hundred_sessions,
     not_sanitized},
    {"life.memory_report", "the memory report is complete and plausible", memory_report},
    {"life.memory_report_is_true", "the memory of the process grows by the reported amount", memory_report_is_true,
     not_sanitized},
    {"life.large_max_positions", "memory goes by max_tokens, not by the model's max_positions", large_max_positions}};

}  // namespace

std::span<const Rule> life_rules() {
  return kLifeRules;
}

}  // namespace inferbench::conformance
