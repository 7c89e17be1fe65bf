// SPDX-License-Identifier: Apache-2.0
// Threads, memory and descriptors: as told, as reported, and given back.
#include <atomic>
#include <functional>
#include <future>

#include "conformance/harness.hpp"
#include "conformance/process_state.hpp"
#include "support/test_paths.hpp"

namespace inferbench::conformance {
namespace {

constexpr std::int32_t kContext = 128;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // their own memory hides what is measured here
#else
constexpr bool kSanitized = false;
#endif

// The most threads that this process had at once while `work` ran, without the one that counts.
int most_threads_during(const std::function<void()>& work) {
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
    done = true;  // the counter is waited for on the way out
    throw;
  }
  done = true;
  counter.get();
  return most;
}

TEST(Threads, AsManyAsToldAndJoinedInShutdown) {
  const int before = n_threads_now();
  for (const std::int32_t n_threads : {1, 2, 3, 5}) {
    {
      const BackendSession session(make_model(n_threads), 1, kContext);
      const auto ids = tokens(kContext);
      const int most = most_threads_during([&] {
        session.last_logits(0, ids);
        session.truncate(0, 0);
      });
      EXPECT_LE(most, before + n_threads - 1) << "told " << n_threads;
    }
    EXPECT_EQ(n_threads_now(), before) << "after shutdown, told " << n_threads;
  }
}

TEST(Threads, AffinityIsLeftAlone) {
  const cpu_set_t before = affinity_now();
  {
    const BackendSession session(make_model(), 1, kContext);
    session.last_logits(0, tokens(20));
  }
  const cpu_set_t after = affinity_now();
  EXPECT_TRUE(CPU_EQUAL(&before, &after));
}

TEST(Output, NothingOnStdout) {
  plugin();
  StdoutCapture capture;
  {
    const BackendSession session(make_model(), 1, kContext);
    session.last_logits(0, tokens(20));
    session.greedy(0, tokens(3));
    session.truncate(0, 0);
  }
  EXPECT_EQ(capture.stop(), "");
}

TEST(Memory, AHundredLivesLeaveNothing) {
  const auto live = [] {
    const BackendSession session(make_model(), 4, kContext);
    session.last_logits(0, tokens(40));
  };
  for (int i = 0; i < 10; ++i) live();
  const std::uint64_t before = anonymous_bytes_now();
  const int descriptors = n_descriptors_now();
  for (int i = 0; i < 100; ++i) live();
  EXPECT_EQ(n_descriptors_now(), descriptors);
  if (!kSanitized) {
    EXPECT_LE(anonymous_bytes_now(), before + (1U << 20U));
  }
}

TEST(Memory, AHundredSessionsLeaveNothing) {
  const BackendModel model = make_model();
  const auto live = [&] {
    const BackendSession session(model, 4, kContext);
    session.last_logits(0, tokens(40));
  };
  for (int i = 0; i < 10; ++i) live();
  const std::uint64_t before = anonymous_bytes_now();
  for (int i = 0; i < 100; ++i) live();
  if (!kSanitized) {
    EXPECT_LE(anonymous_bytes_now(), before + (1U << 20U));
  }
}

TEST(Memory, TheReportIsSane) {
  const BackendModel model = make_model();
  const ib_model_info& weights = model.info();
  EXPECT_GT(weights.weights_bytes, tiny().n_parameters() / 4);  // two bits a weight is the least that anyone tries
  EXPECT_LE(weights.decode_weights_bytes, weights.weights_bytes);
  EXPECT_GT(weights.decode_weights_bytes, weights.weights_bytes / 8);
  EXPECT_STRNE(weights.device, "");
  EXPECT_STRNE(weights.kernels, "");
  std::uint64_t kv_of_one = 0;
  for (const std::int32_t n_slots : {1, 16}) {
    const BackendSession session(model, n_slots, kContext);
    const ib_session_info& info = session.info();
    EXPECT_GE(info.peak_bytes, weights.weights_bytes + info.kv_bytes + info.scratch_bytes);
    // Keys and values of a position: width each, in every layer, at least a byte a number.
    EXPECT_GE(info.kv_bytes, static_cast<std::uint64_t>(n_slots) * kContext * 2 * 2 * 64);
    if (n_slots == 1) kv_of_one = info.kv_bytes;
    if (n_slots == 16) {
      EXPECT_GE(info.kv_bytes, 8 * kv_of_one);
    }
  }
}

// On a fixture large enough to see over the allocator's noise.
TEST(Memory, TheReportAgreesWithTheSystem) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's own memory is in the way";
  const std::uint64_t before = anonymous_bytes_now();
  const BackendModel model =
      settings().create_model(BackendContext(plugin(), 2), Model::open("shakespeare", test_paths::kData).weights());
  const BackendSession session(model, 16, 256);
  std::vector<std::int32_t> ids = tokens(256);
  for (std::int32_t slot = 0; slot < 16; ++slot) session.last_logits(slot, ids);
  const double grown = static_cast<double>(anonymous_bytes_now()) - static_cast<double>(before);
  const ib_session_info& info = session.info();
  const double reported = static_cast<double>(model.info().weights_bytes + info.kv_bytes + info.scratch_bytes);
  constexpr double kNoise = 4 << 20;
  EXPECT_LE(grown, 1.2 * reported + kNoise);
  EXPECT_GE(grown, 0.8 * reported - kNoise);
}

}  // namespace
}  // namespace inferbench::conformance
