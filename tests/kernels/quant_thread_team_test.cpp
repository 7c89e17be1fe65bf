// SPDX-License-Identifier: Apache-2.0
// A team runs every item of every phase once, phases in order, on threads that exist.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <engine/thread_team.hpp>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace inferbench::cpu_quant {
namespace {

/// Counts what the team does, and whether phases overlap.
class CountedWork final : public PhasedWork {
 public:
  CountedWork(std::vector<std::uint32_t> items_of_phases, int n_threads)
      : items_(std::move(items_of_phases)), n_threads_(n_threads), caller_(std::this_thread::get_id()) {
    for (const std::uint32_t n : items_) runs_.emplace_back(n);
    finished_ = std::vector<std::atomic<int>>(items_.size());
  }

  std::uint32_t n_phases() const noexcept override { return static_cast<std::uint32_t>(items_.size()); }
  std::uint32_t n_items(std::uint32_t phase) const noexcept override { return items_[phase]; }
  void run_item(std::uint32_t phase, std::uint32_t item, int thread) noexcept override {
    if (phase != open_phase_.load() || thread < 0 || thread >= n_threads_) ++errors_;
    runs_[phase][item].fetch_add(1);
    if (items_[phase] == 2) meet();
  }
  void finish_phase(std::uint32_t phase, int) noexcept override {
    for (const std::atomic<int>& runs : runs_[phase]) errors_ += runs.load() == 1 ? 0 : 1;
    finished_[phase].fetch_add(1);
    open_phase_.fetch_add(1);
  }
  void poll(std::uint32_t) noexcept override {
    ++polls_;
    if (std::this_thread::get_id() != caller_) ++errors_;
  }

  void expect_done() const {
    EXPECT_EQ(errors_.load(), 0);
    for (const std::atomic<int>& times : finished_) EXPECT_EQ(times.load(), 1);
    EXPECT_EQ(open_phase_.load(), items_.size());
  }
  int polls() const { return polls_; }
  int most_at_once() const { return most_.load(); }

 private:
  // Gives another thread a moment to come.
  void meet() noexcept {
    const int now = inside_.fetch_add(1) + 1;
    int most = most_.load();
    while (most < now && !most_.compare_exchange_weak(most, now)) {
    }
    for (int i = 0; i < 2000 && most_.load() < 2; ++i) std::this_thread::yield();
    inside_.fetch_sub(1);
  }

  std::vector<std::uint32_t> items_;
  int n_threads_;
  std::thread::id caller_;
  std::vector<std::vector<std::atomic<int>>> runs_;
  std::vector<std::atomic<int>> finished_;
  std::atomic<std::uint32_t> open_phase_{0};
  std::atomic<int> errors_{0};
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
  int polls_ = 0;
};

TEST(QuantThreadTeam, RunsEveryItemOnceAndPhasesInOrder) {
  for (const int n_threads : {1, 2, 5}) {
    ThreadTeam team(n_threads);
    EXPECT_EQ(team.n_threads(), n_threads);
    for (int run = 0; run < 20; ++run) {
      CountedWork work({1, 100, 3, 1, 1, 37, 7}, n_threads);
      team.run(work);
      work.expect_done();
    }
  }
}

TEST(QuantThreadTeam, PollsOnTheCallersThread) {
  ThreadTeam alone(1);
  CountedWork work({4, 5}, 1);
  alone.run(work);
  EXPECT_EQ(work.polls(), 9);  // after each item
}

TEST(QuantThreadTeam, WorkersComeInTheEnd) {
  ThreadTeam team(2);
  for (int run = 0; run < 1000; ++run) {
    CountedWork work(std::vector<std::uint32_t>(20, 2), 2);
    team.run(work);
    work.expect_done();
    if (work.most_at_once() == 2) return;
  }
  FAIL() << "two items never ran at the same time";
}

// What a run used may be gone when it returns: no worker may touch it later.
TEST(QuantThreadTeam, WorkIsFreeAfterTheRun) {
  ThreadTeam team(3);
  for (int run = 0; run < 500; ++run) {
    auto work = std::make_unique<CountedWork>(std::vector<std::uint32_t>{3, 3}, 3);
    team.run(*work);
    work->expect_done();
  }
}

TEST(QuantThreadTeam, TeamsComeAndGo) {
  for (int i = 0; i < 20; ++i) {
    ThreadTeam first(2);
    ThreadTeam second(3);
    CountedWork work({10}, 3);
    second.run(work);
    work.expect_done();
  }
}

}  // namespace
}  // namespace inferbench::cpu_quant
