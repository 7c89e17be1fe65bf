// SPDX-License-Identifier: Apache-2.0
#include "limits.hpp"

#include <immintrin.h>
#include <kernels/kernels.h>
#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>

namespace inferbench::bench {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr int kProbeLoops = 100000;
constexpr int kTileLoops = kProbeLoops / 20;  // one tile multiplication takes about 20 times as long

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Two threads that spin while waiting for each other must not share a core.
void stay_on_core(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core) % std::thread::hardware_concurrency(), &set);
  sched_setaffinity(0, sizeof(set), &set);
}

std::uint64_t read_words(const std::uint8_t* data, std::size_t n) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 64 <= n; i += 64) {
    std::uint64_t words[8];
    std::memcpy(words, data + i, sizeof(words));
    for (const std::uint64_t w : words) sum ^= w;
  }
  return sum;
}

__attribute__((target("avx2"))) std::uint64_t read_avx2(const std::uint8_t* data, std::size_t n) {
  __m256i sum[4] = {};
  const auto* p = reinterpret_cast<const __m256i*>(data);
  for (std::size_t i = 0; i + 4 <= n / 32; i += 4) {
    for (std::size_t j = 0; j < 4; ++j) sum[j] = _mm256_xor_si256(sum[j], _mm256_load_si256(p + i + j));
  }
  const __m256i all = _mm256_xor_si256(_mm256_xor_si256(sum[0], sum[1]), _mm256_xor_si256(sum[2], sum[3]));
  return static_cast<std::uint64_t>(_mm256_extract_epi64(all, 0) ^ _mm256_extract_epi64(all, 3));
}

__attribute__((target("avx512f"))) std::uint64_t read_avx512(const std::uint8_t* data, std::size_t n) {
  __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
  for (std::size_t i = 0; i + 256 <= n; i += 256) {
    for (std::size_t j = 0; j < 4; ++j) sum[j] = _mm512_xor_si512(sum[j], _mm512_load_si512(data + i + 64 * j));
  }
  alignas(64) std::uint64_t words[8];
  _mm512_store_si512(words, _mm512_xor_si512(_mm512_xor_si512(sum[0], sum[1]), _mm512_xor_si512(sum[2], sum[3])));
  return words[0] ^ words[7];
}

// Twelve independent accumulators. Inline assembly keeps the compiler from merging or removing them.
#define IB_TWELVE(instruction, p)                                                                                 \
  instruction " %%" p "14, %%" p "15, %%" p "0\n\t" instruction " %%" p "14, %%" p "15, %%" p "1\n\t" instruction \
              " %%" p "14, %%" p "15, %%" p "2\n\t" instruction " %%" p "14, %%" p "15, %%" p "3\n\t" instruction \
              " %%" p "14, %%" p "15, %%" p "4\n\t" instruction " %%" p "14, %%" p "15, %%" p "5\n\t" instruction \
              " %%" p "14, %%" p "15, %%" p "6\n\t" instruction " %%" p "14, %%" p "15, %%" p "7\n\t" instruction \
              " %%" p "14, %%" p "15, %%" p "8\n\t" instruction " %%" p "14, %%" p "15, %%" p "9\n\t" instruction \
              " %%" p "14, %%" p "15, %%" p "10\n\t" instruction " %%" p "14, %%" p "15, %%" p "11\n\t"

#define IB_CLOBBERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14", "xmm15"

#define IB_CLEAR(p)                                                                                  \
  "vpxor %%xmm14, %%xmm14, %%xmm14\n\tvpxor %%xmm15, %%xmm15, %%xmm15\n\t"                           \
  "vpxor %%xmm0, %%xmm0, %%xmm0\n\tvpxor %%xmm1, %%xmm1, %%xmm1\n\tvpxor %%xmm2, %%xmm2, %%xmm2\n\t" \
  "vpxor %%xmm3, %%xmm3, %%xmm3\n\tvpxor %%xmm4, %%xmm4, %%xmm4\n\tvpxor %%xmm5, %%xmm5, %%xmm5\n\t" \
  "vpxor %%xmm6, %%xmm6, %%xmm6\n\tvpxor %%xmm7, %%xmm7, %%xmm7\n\tvpxor %%xmm8, %%xmm8, %%xmm8\n\t" \
  "vpxor %%xmm9, %%xmm9, %%xmm9\n\tvpxor %%xmm10, %%xmm10, %%xmm10\n\tvpxor %%xmm11, %%xmm11, %%xmm11\n\t"

#define IB_PROBE(name, isa, instruction, p)                                                           \
  __attribute__((target(isa))) void name() {                                                          \
    __asm__ volatile(IB_CLEAR(p)::: IB_CLOBBERS);                                                     \
    for (int i = 0; i < kProbeLoops; ++i) __asm__ volatile(IB_TWELVE(instruction, p)::: IB_CLOBBERS); \
    __asm__ volatile("vzeroupper" ::: IB_CLOBBERS);                                                   \
  }

IB_PROBE(dot_512, "avx512f,avx512vnni", "vpdpbusd", "zmm")
IB_PROBE(fma_512, "avx512f", "vfmadd231ps", "zmm")
IB_PROBE(fma_256, "avx2,fma", "vfmadd231ps", "ymm")

// The layout that ldtilecfg reads: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// Four independent sums.
void tiles_bf16() {
  const TileConfig config;
  __asm__ volatile(
      "ldtilecfg %0\n\ttilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\t"
      "tilezero %%tmm4\n\ttilezero %%tmm5\n\t" ::"m"(config));
  for (int i = 0; i < kTileLoops; ++i) {
    for (int j = 0; j < 3; ++j) {
      __asm__ volatile(
          "tdpbf16ps %%tmm5, %%tmm4, %%tmm0\n\ttdpbf16ps %%tmm5, %%tmm4, %%tmm1\n\t"
          "tdpbf16ps %%tmm5, %%tmm4, %%tmm2\n\ttdpbf16ps %%tmm5, %%tmm4, %%tmm3" ::);
    }
  }
  __asm__ volatile("tilerelease" ::);
}

// Operations in one call of a probe: operations per instruction, times 12 instructions, times the loop count.
double operations_of(Unit unit) {
  switch (unit) {
    case Unit::DotProduct512:
      return 128.0 * 12.0 * kProbeLoops;
    case Unit::FusedAdd512:
      return 32.0 * 12.0 * kProbeLoops;
    case Unit::FusedAdd256:
      return 16.0 * 12.0 * kProbeLoops;
    case Unit::TilesBf16:
      return 16384.0 * 12.0 * kTileLoops;
  }
  return 0.0;
}

void probe(Unit unit) {
  switch (unit) {
    case Unit::DotProduct512:
      return dot_512();
    case Unit::FusedAdd512:
      return fma_512();
    case Unit::FusedAdd256:
      return fma_256();
    case Unit::TilesBf16:
      return tiles_bf16();
  }
}

}  // namespace

Team::Team(int n_threads) : n_threads_(n_threads) {
  stay_on_core(0);
  for (int t = 1; t < n_threads; ++t) threads_.emplace_back([this, t] { serve(t); });
}

Team::~Team() {
  stop_.store(true);
  round_.fetch_add(1);
  for (std::thread& thread : threads_) thread.join();
}

void Team::serve(int thread) {
  stay_on_core(thread);
  for (int seen = 0;; ++seen) {
    while (round_.load(std::memory_order_acquire) == seen) _mm_pause();
    if (stop_.load()) return;
    (*work_)(thread);
    done_.fetch_add(1, std::memory_order_release);
  }
}

double Team::run(const std::function<void(int)>& work) {
  const double begin = now();
  work_ = &work;
  done_.store(0);
  round_.fetch_add(1, std::memory_order_release);
  work(0);
  while (done_.load(std::memory_order_acquire) + 1 < n_threads_) _mm_pause();
  return now() - begin;
}

Memory::Memory(std::size_t n_bytes) : size_((n_bytes + kHugePage - 1) / kHugePage * kHugePage) {
  data_.reset(static_cast<std::uint8_t*>(::operator new (size_, std::align_val_t{kHugePage})));
  madvise(data_.get(), size_, MADV_HUGEPAGE);
  std::memset(data_.get(), 0, size_);
}

void Memory::Free::operator()(std::uint8_t* p) const {
  ::operator delete (p, std::align_val_t{kHugePage});
}

std::uint64_t read_bytes(const std::uint8_t* data, std::size_t n) {
  return __builtin_cpu_supports("avx512f") ? read_avx512(data, n)
         : __builtin_cpu_supports("avx2")  ? read_avx2(data, n)
                                           : read_words(data, n);
}

double read_seconds(Team& team, const std::uint8_t* data, std::size_t n) {
  std::atomic<std::uint64_t> sum{0};
  const auto threads = static_cast<std::size_t>(team.size());
  const std::size_t part = n / threads / 256 * 256;
  const double seconds = team.run([&](int t) { sum += read_bytes(data + static_cast<std::size_t>(t) * part, part); });
  return seconds * static_cast<double>(n) / static_cast<double>(part * threads) + (sum.load() == 1 ? 1e-12 : 0.0);
}

bool has_unit(Unit unit) {
  switch (unit) {
    case Unit::DotProduct512:
      return __builtin_cpu_supports("avx512vnni");
    case Unit::FusedAdd512:
      return __builtin_cpu_supports("avx512f");
    case Unit::FusedAdd256:
      return __builtin_cpu_supports("fma");
    case Unit::TilesBf16:
      return cpu_quant::select_kernels(cpu_quant::Isa::Amx) != nullptr;
  }
  return false;
}

double peak_operations(Team& team, Unit unit) {
  double best = 0.0;
  for (int i = 0; i < 5; ++i) {
    const double seconds = team.run([&](int) { probe(unit); });
    best = std::max(best, operations_of(unit) * team.size() / seconds);
  }
  return best;
}

}  // namespace inferbench::bench
