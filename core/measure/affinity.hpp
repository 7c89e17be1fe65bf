// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace inferbench {

/// The CPUs that the calling thread may run on, ascending; empty if the kernel does not say.
std::vector<int> allowed_cpus();

/// Binds the calling thread, and every thread and process that it starts from now on, to these CPUs. Does nothing if
/// the list is empty. Throws Error if the kernel refuses.
void bind_to_cpus(const std::vector<int>& cpus);
/// How many threads can run at the same time: the number of CPUs that the calling thread may use, or less if a control
/// group limits its CPU time (a quota of 2.5 CPUs allows 2 threads). At least 1.
std::int32_t usable_cpus();
/// The same for `allowed` CPUs and a quota; nullopt: no quota.
std::int32_t usable_cpus(std::size_t allowed, const std::optional<double>& quota);

/// The lowest CPU of the physical core that `cpu` belongs to; the same for all hyperthreads of a core.
int core_of_cpu(int cpu);

/// `n` CPUs of `allowed`: first one of each physical core (core_of[cpu]), then their siblings. All of `allowed` if it
/// has fewer.
std::vector<int> spread_over_cores(const std::vector<int>& allowed, const std::vector<int>& core_of, std::int32_t n);

/// Binds the calling thread, and every thread that it starts, to `n` of the CPUs that it could use when this object was
/// constructed. The destructor restores the earlier set. If binding fails, nothing changes.
class ScopedAffinity {
 public:
  explicit ScopedAffinity(std::int32_t n);
  ~ScopedAffinity();
  ScopedAffinity(const ScopedAffinity&) = delete;
  ScopedAffinity& operator=(const ScopedAffinity&) = delete;

  const std::vector<int>& cpus() const { return cpus_; }

 private:
  std::vector<int> before_;
  std::vector<int> cpus_;
};

}  // namespace inferbench
