// SPDX-License-Identifier: Apache-2.0
// Functions of libraries that an engine is linked with, but does not tell of, such as its BLAS or OpenMP.
#pragma once

#include <dlfcn.h>

namespace inferbench {

/// A function by its name in C, from the library that has the address `inside`, or from one that it is linked with.
/// Null: there is none.
template <typename Function>
Function* linked_function(const void* inside, const char* name) noexcept {
  Dl_info info{};
  if (dladdr(inside, &info) == 0 || info.dli_fname == nullptr) return nullptr;
  void* const library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  void* const found = dlsym(library, name);
  dlclose(library);  // only the reference of this function: the library was loaded before
  return reinterpret_cast<Function*>(found);
}

/// Ends the threads that OpenMP keeps for the calling thread's next parallel region. Has no effect if the library that
/// has the address `inside` is not linked with OpenMP.
inline void end_openmp_threads(const void* inside) noexcept {
  constexpr int kHard = 2;  // omp_pause_hard
  auto* const pause = linked_function<int(int)>(inside, "omp_pause_resource_all");
  if (pause != nullptr) pause(kHard);
}

}  // namespace inferbench
