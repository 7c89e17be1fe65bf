// SPDX-License-Identifier: Apache-2.0
#include "host_ids.hpp"

#include <immintrin.h>

#include <algorithm>

#include "cuda_call.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr std::int32_t kAbsent = -1;
// A query takes about a microsecond. It is only for kernels that fail, so it need not come soon.
constexpr int kLooksPerQuery = 1 << 14;

// The device writes it, which the compiler cannot know.
bool is_there(const std::int32_t& id) {
  return __atomic_load_n(&id, __ATOMIC_ACQUIRE) != kAbsent;
}

}  // namespace

HostIds::HostIds(std::int32_t most) : memory_(static_cast<std::uint64_t>(most) * sizeof(std::int32_t)) {}

void HostIds::expect(std::int32_t n) {
  std::fill_n(data(), n, kAbsent);
}

void HostIds::await(std::int32_t n, cudaStream_t stream) const {
  std::int32_t at = 0;
  const auto all_there = [&] {
    while (at < n && is_there(data()[at])) ++at;
    return at == n;
  };
  for (int looks = 1; !all_there(); ++looks) {
    if (looks % kLooksPerQuery != 0) {
      _mm_pause();
      continue;
    }
    const cudaError_t state = cudaStreamQuery(stream);
    if (state == cudaErrorNotReady) continue;
    check(state, "waiting for ids");
    if (!all_there()) throw Failure(IB_INTERNAL, "CUDA: a kernel ended without its ids");
    return;
  }
}

}  // namespace inferbench::cuda_backend
