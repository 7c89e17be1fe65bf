// SPDX-License-Identifier: Apache-2.0
#include "engine/thread_team.hpp"

#include <immintrin.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <thread>

#include "engine/work_ranges.hpp"

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace inferbench::cpu_quant {
namespace {

// oneTBB hands a task to another thread, which ThreadSanitizer cannot see in a library that was built without it. So
// what is enqueued is noted here, and what oneTBB's headers write into the task meanwhile is left out.
#if defined(__SANITIZE_THREAD__)
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);

class Enqueuing {
 public:
  explicit Enqueuing(void* shared) noexcept {
    __tsan_release(shared);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Enqueuing() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__); }
  Enqueuing(const Enqueuing&) = delete;
  Enqueuing& operator=(const Enqueuing&) = delete;
};
void note_start(void* shared) noexcept {
  __tsan_acquire(shared);
}
#else
struct Enqueuing {
  explicit Enqueuing(void* /*shared*/) noexcept {}
};
void note_start(void* /*shared*/) noexcept {}
#endif

// A pause is 40 to 140 cycles: about 50 microseconds before a waiting thread offers its core to somebody else.
constexpr std::uint32_t kSpinsBeforeYield = 1000;
constexpr std::uint32_t kSpinsBetweenLooks = 256;

// How long a worker waits for the next run before it goes back to oneTBB, which needs 30 to 70 microseconds to bring it
// again (and now and then does not; see Workers::call).
constexpr std::chrono::microseconds kLinger{500};
constexpr int kRunsBeforeAsking = 16;

void run_alone(PhasedWork& work) noexcept {
  const std::uint32_t n_phases = work.n_phases();
  for (std::uint32_t phase = 0; phase < n_phases; ++phase) {
    const std::uint32_t n_items = work.n_items(phase);
    for (std::uint32_t item = 0; item < n_items; ++item) {
      work.run_item(phase, item, 0);
      work.poll(phase);
    }
    work.finish_phase(phase, 0);
  }
}

}  // namespace

void PhasedWork::finish_phase(std::uint32_t /*phase*/, int /*thread*/) noexcept {}
void PhasedWork::poll(std::uint32_t /*phase*/) noexcept {}
void PhasedWork::idle(std::uint32_t /*phase*/, int /*thread*/, std::uint32_t /*spins*/) noexcept {}

/// What the threads of a team share. Workers keep it alive, so that one that oneTBB starts late finds it closed.
struct ThreadTeam::State {
  explicit State(int n_threads) : ranges(n_threads) {}

  // The open run. The phase changes only when all of its items are done, so a thread that holds an item may read it.
  PhasedWork* work = nullptr;
  std::uint32_t n_phases = 0;
  WorkRanges ranges;
  alignas(kThreadAlignment) std::atomic<std::uint32_t> phase{0};
  alignas(kThreadAlignment) std::atomic<std::uint32_t> done{0};

  // A worker counts itself in before it looks whether a run is open; the caller closes the run before it looks whether
  // workers are in. So `work` outlives its users.
  alignas(kThreadAlignment) std::atomic<bool> open{false};
  std::atomic<bool> stopped{false};
  alignas(kThreadAlignment) std::atomic<int> inside{0};

  std::atomic<int> present{0};  // workers that run or linger
  std::atomic<int> called{0};   // workers asked for that have not come
  int runs_waiting = 0;

  void open_phase(std::uint32_t next) noexcept;
  void count_done(std::uint32_t n, int thread) noexcept;
  void wait_for_items(std::uint32_t now, std::uint32_t spins, int thread, bool is_caller) noexcept;
  void participate(int thread, bool is_caller) noexcept;
  void work_until_idle(int thread) noexcept;
  bool wait_for_run() const noexcept;
};

void ThreadTeam::State::open_phase(std::uint32_t next) noexcept {
  done.store(0, std::memory_order_relaxed);
  phase.store(next, std::memory_order_release);
  if (next < n_phases) ranges.assign(work->n_items(next));
}

/// A thread did n items of the phase, and found none left.
void ThreadTeam::State::count_done(std::uint32_t n, int thread) noexcept {
  const std::uint32_t now = phase.load(std::memory_order_relaxed);
  if (done.fetch_add(n, std::memory_order_acq_rel) + n != work->n_items(now)) return;
  work->finish_phase(now, thread);
  open_phase(now + 1);
}

void ThreadTeam::State::wait_for_items(std::uint32_t now, std::uint32_t spins, int thread, bool is_caller) noexcept {
  work->idle(now, thread, spins);
  _mm_pause();
  if (is_caller && spins % kSpinsBetweenLooks == 0) work->poll(now);
  if (spins > kSpinsBeforeYield) std::this_thread::yield();
}

void ThreadTeam::State::participate(int thread, bool is_caller) noexcept {
  std::uint32_t spins = 0;
  std::uint32_t mine = 0;  // items of this phase that this thread did and nobody knows of
  for (;;) {
    std::uint32_t item = 0;
    if (ranges.take(thread, item)) {
      const std::uint32_t now = phase.load(std::memory_order_relaxed);
      work->run_item(now, item, thread);
      if (is_caller) work->poll(now);
      ++mine;
      spins = 0;
    } else if (mine > 0) {
      const std::uint32_t n = mine;
      mine = 0;
      count_done(n, thread);
    } else {
      const std::uint32_t now = phase.load(std::memory_order_acquire);
      if (now >= n_phases) return;
      wait_for_items(now, ++spins, thread, is_caller);
    }
  }
}

/// True when a run opens soon, false when it is time to leave.
bool ThreadTeam::State::wait_for_run() const noexcept {
  const auto end = std::chrono::steady_clock::now() + kLinger;
  for (std::uint32_t spins = 1; !stopped.load(std::memory_order_relaxed); ++spins) {
    if (open.load(std::memory_order_relaxed)) return true;
    _mm_pause();
    if (spins > kSpinsBeforeYield) std::this_thread::yield();
    if (spins % kSpinsBetweenLooks == 0 && std::chrono::steady_clock::now() > end) return false;
  }
  return false;
}

void ThreadTeam::State::work_until_idle(int thread) noexcept {
  present.fetch_add(1);
  called.fetch_sub(1);
  do {
    inside.fetch_add(1);
    if (open.load()) participate(thread, false);
    inside.fetch_sub(1);
  } while (wait_for_run());
  present.fetch_sub(1);
}

struct ThreadTeam::Workers {
  explicit Workers(int n_threads)
      : handle(tbb::attach{}), arena(n_threads, 1), state(std::make_shared<State>(n_threads)) {
    if (n_threads > tbb::info::default_concurrency()) {
      more_threads.emplace(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(n_threads));
    }
    arena.initialize();
  }

  /// Asks oneTBB for those of `n_workers` that are not here. Enqueued rather than spawned: oneTBB allows itself to miss
  /// wake-ups of spawned tasks (advertise_new_work in its arena.h), and then whole runs stay alone.
  void call(int n_workers) {
    int missing = n_workers - state->present.load() - state->called.load();
    if (state->called.load() > 0 && ++state->runs_waiting % kRunsBeforeAsking == 0) missing = 1;
    for (int i = 0; i < missing; ++i) {
      state->called.fetch_add(1);
      [[maybe_unused]] const Enqueuing enqueuing(state.get());
      arena.enqueue([shared = state] {
        note_start(shared.get());
        shared->work_until_idle(tbb::this_task_arena::current_thread_index());
      });
    }
  }

  tbb::task_scheduler_handle handle;
  std::optional<tbb::global_control> more_threads;
  tbb::task_arena arena;  // its slot 0 is the caller's
  std::shared_ptr<State> state;
};

ThreadTeam::ThreadTeam(int n_threads) : n_threads_(n_threads) {
  if (n_threads > 1) workers_ = std::make_unique<Workers>(n_threads);
}

ThreadTeam::~ThreadTeam() {
  if (!workers_) return;
  workers_->state->stopped.store(true);
  workers_->arena.terminate();
  workers_->more_threads.reset();
  // Fails, without harm, while another user of TBB in this process holds the scheduler.
  (void)tbb::finalize(workers_->handle, std::nothrow);
}

void ThreadTeam::run(PhasedWork& work) {
  if (!workers_) {
    run_alone(work);
    return;
  }
  State& state = *workers_->state;
  state.work = &work;
  state.n_phases = work.n_phases();
  state.open_phase(0);
  state.open.store(true);
  workers_->call(n_threads_ - 1);
  state.participate(0, true);
  state.open.store(false);
  for (std::uint32_t spins = 1; state.inside.load() != 0; ++spins) {
    _mm_pause();
    if (spins > kSpinsBeforeYield) std::this_thread::yield();  // a worker lost its core
  }
}

}  // namespace inferbench::cpu_quant
