// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace inferbench {

/// Threads that start together, each bound to one CPU. The class itself is not thread-safe.
class MachineTeam {
 public:
  /// One thread for each of `cpus`; a single unbound thread if the list is empty.
  explicit MachineTeam(const std::vector<int>& cpus);
  ~MachineTeam();
  MachineTeam(const MachineTeam&) = delete;
  MachineTeam& operator=(const MachineTeam&) = delete;

  std::size_t size() const { return members_.size(); }

  /// Runs work(thread) on every thread at once; returns the seconds from the start of the first to the end of the last.
  /// `work` must not throw.
  double run(const std::function<void(std::size_t)>& work);

 private:
  struct Member {
    std::thread thread;
    std::uint64_t begin_ns = 0;
    std::uint64_t end_ns = 0;
  };

  void serve(std::size_t index, int cpu);
  void meet(std::uint64_t round);

  std::vector<Member> members_;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void(std::size_t)>* work_ = nullptr;  ///< guarded by mutex_, like the next three
  std::uint64_t round_ = 0;
  std::size_t finished_ = 0;
  bool stop_ = false;
  std::atomic<std::uint64_t> arrived_{0};  ///< summed over all rounds
};

}  // namespace inferbench
