// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace inferbench {

/// The CPUs that the calling thread may run on, ascending; empty where the kernel does not say.
std::vector<int> allowed_cpus();

/// Binds the calling thread, and every thread and process that it starts from now on, to these CPUs; to none: does
/// nothing. Throws Error where the kernel refuses.
void bind_to_cpus(const std::vector<int>& cpus);
/// How many threads can run at the same time: the CPUs that the calling thread may use, or fewer where a control group
/// gives it less CPU time (a quota of 2.5 CPUs is 2 threads). At least 1.
std::int32_t usable_cpus();
/// The same of `allowed` CPUs and a quota; nullopt for none.
std::int32_t usable_cpus(std::size_t allowed, const std::optional<double>& quota);

/// The lowest CPU of the physical core that `cpu` belongs to: the same for all hyperthreads of a core.
int core_of_cpu(int cpu);

/// `n` CPUs of `allowed`: one of each physical core first (core_of[cpu] tells), then the siblings. All of `allowed`
/// where it has fewer.
std::vector<int> spread_over_cores(const std::vector<int>& allowed, const std::vector<int>& core_of, std::int32_t n);

/// Binds the calling thread, and every thread that it starts, to `n` CPUs of those that it might use when this object
/// was made; the destructor gives them back. What cannot be bound is left as it was.
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
