// SPDX-License-Identifier: Apache-2.0
// Another backend (INFERBENCH_SLOWED_BACKEND names its library) in which every forward takes one percent longer: the
// smallest difference that a comparison must find, on a real machine.
#include <dlfcn.h>
#include <time.h>

#include <cstdint>
#include <cstdlib>

#include "inferbench/backend.h"

namespace {

constexpr std::uint64_t kPercent = 1;

std::uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// Global, because the C ABI has no other place for it.
ib_status (*inner_forward)(ib_session*, const ib_forward_params*, ib_error*) = nullptr;

ib_status slowed_forward(ib_session* session, const ib_forward_params* params, ib_error* error) {
  const std::uint64_t begin = now_ns();
  const ib_status status = inner_forward(session, params, error);
  const std::uint64_t end = now_ns();
  const std::uint64_t until = end + (end - begin) * kPercent / 100;
  while (now_ns() < until) {
  }
  return status;
}

// The table of the other library, which stays loaded, with this forward; all zeros if there is no such library.
ib_backend make_table() {
  ib_backend table{};
  const char* path = std::getenv("INFERBENCH_SLOWED_BACKEND");
  void* library = path == nullptr ? nullptr : dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const void* inner = library == nullptr ? nullptr : dlsym(library, "inferbench_backend_v1");
  if (inner == nullptr) return table;
  table = *static_cast<const ib_backend*>(inner);
  inner_forward = table.forward;
  table.forward = slowed_forward;
  table.name = "slowed";
  return table;
}

}  // namespace

extern "C" {
extern IB_EXPORT const ib_backend inferbench_backend_v1;
const ib_backend inferbench_backend_v1 = make_table();
}
