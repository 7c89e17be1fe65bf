// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

namespace inferbench::cpu_quant {

/// Work that runs as phases, one after another; the items of a phase run in any order, on any thread of the team.
/// What an item computes must not depend on the thread, so that results are always the same bits.
class PhasedWork {
 public:
  virtual std::uint32_t n_phases() const noexcept = 0;
  /// At least 1 for each phase, below 2^31, and unchanged while the work runs.
  virtual std::uint32_t n_items(std::uint32_t phase) const noexcept = 0;
  /// `thread`: 0 to n_threads - 1, one item at a time each.
  virtual void run_item(std::uint32_t phase, std::uint32_t item, int thread) noexcept = 0;
  /// Runs once, on the thread that finished the phase's last item, before any item of the next phase.
  virtual void finish_phase(std::uint32_t phase, int thread) noexcept;
  /// Runs between items on the calling thread only: the place for the host's callbacks.
  virtual void poll(std::uint32_t phase) noexcept;
  /// A thread waits for `phase` to end, or `phase` has just begun: `spins` counts up from 1. May warm caches; must be
  /// short.
  virtual void idle(std::uint32_t phase, int thread, std::uint32_t spins) noexcept;

 protected:
  PhasedWork() = default;
  ~PhasedWork() = default;
  PhasedWork(const PhasedWork&) = default;
  PhasedWork& operator=(const PhasedWork&) = default;
};

/// Worker threads of oneTBB that run one PhasedWork at a time, together with the caller.
///
/// A run is one parallel region, whatever its number of phases: every thread works through its own range of a phase's
/// items and then steals from the others (work_ranges.hpp); the thread that finishes the last item opens the next
/// phase. The caller never waits for a worker that has not come (oneTBB promises none), only for items that a worker
/// has begun. After a run, workers wait half a millisecond for the next.
class ThreadTeam {
 public:
  /// `n_threads`: at least 1, the calling thread included.
  explicit ThreadTeam(int n_threads);
  /// Joins all threads, unless another user of TBB in the process still keeps them.
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int n_threads() const noexcept { return n_threads_; }

  /// Runs all phases; returns when no thread works on them any more. Not for two callers at once.
  void run(PhasedWork& work);

 private:
  struct State;
  struct Workers;
  int n_threads_;
  std::unique_ptr<Workers> workers_;  // null for one thread
};

}  // namespace inferbench::cpu_quant
