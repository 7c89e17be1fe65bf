// SPDX-License-Identifier: Apache-2.0
#include "measure/machine_team.hpp"

#include <sched.h>

#include <algorithm>

#include "measure/clock.hpp"

namespace inferbench {
namespace {

// If the kernel refuses, the thread runs unbound.
void bind_to_cpu(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

}  // namespace

MachineTeam::MachineTeam(const std::vector<int>& cpus) : members_(std::max<std::size_t>(1, cpus.size())) {
  for (std::size_t i = 0; i < members_.size(); ++i) {
    members_[i].thread = std::thread([this, i, cpu = i < cpus.size() ? cpus[i] : -1] { serve(i, cpu); });
  }
}

MachineTeam::~MachineTeam() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (Member& member : members_) member.thread.join();
}

double MachineTeam::run(const std::function<void(std::size_t)>& work) {
  std::unique_lock lock(mutex_);
  work_ = &work;
  finished_ = 0;
  ++round_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return finished_ == members_.size(); });
  std::uint64_t begin = members_[0].begin_ns;
  std::uint64_t end = members_[0].end_ns;
  for (const Member& member : members_) {
    begin = std::min(begin, member.begin_ns);
    end = std::max(end, member.end_ns);
  }
  return static_cast<double>(std::max<std::uint64_t>(end - begin, 1)) * 1e-9;
}

void MachineTeam::serve(std::size_t index, int cpu) {
  bind_to_cpu(cpu);
  for (std::uint64_t round = 1;; ++round) {
    const std::function<void(std::size_t)>* work = nullptr;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || round_ == round; });
      if (stop_) return;
      work = work_;
    }
    meet(round);
    Member& member = members_[index];
    member.begin_ns = now_ns();
    (*work)(index);
    member.end_ns = now_ns();
    const std::lock_guard lock(mutex_);
    if (++finished_ == members_.size()) changed_.notify_all();
  }
}

// Waking up takes microseconds and differs between threads, so threads spin until all have arrived.
void MachineTeam::meet(std::uint64_t round) {
  arrived_.fetch_add(1);
  const std::uint64_t all = round * members_.size();
  for (int spins = 0; arrived_.load(std::memory_order_acquire) < all; ++spins) {
    if (spins > 10000) std::this_thread::yield();
  }
}

}  // namespace inferbench
