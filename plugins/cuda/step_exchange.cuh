// SPDX-License-Identifier: Apache-2.0
//
// How the blocks of a step hand values to each other: without barriers. Every word of 32 bits that a block hands on is
// its own flag: it holds kAbsent until it is written, and readers ask again until it holds something else. So a value
// is on its way for one store and one load, where a grid barrier takes a fence, an atomic, a poll, and then the load.
//
// A layer has its own words, and steps take two sets in turn, of which each clears the other one's. Between a word's
// clearing, its writing and its next clearing lies the end of a kernel each time.
#pragma once

#include "kernel_math.cuh"

namespace inferbench::cuda_backend {

/// A NaN that no arithmetic gives; publish() replaces it where an input has it.
constexpr std::uint32_t kAbsent = 0xffffffffU;

__device__ __forceinline__ uint4 load_words4(const void* at) {
  uint4 words;
  asm volatile("ld.relaxed.gpu.global.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
               : "l"(at)
               : "memory");
  return words;
}
__device__ __forceinline__ uint2 load_words2(const void* at) {
  uint2 words;
  asm volatile("ld.relaxed.gpu.global.v2.u32 {%0,%1}, [%2];" : "=r"(words.x), "=r"(words.y) : "l"(at) : "memory");
  return words;
}
__device__ __forceinline__ std::uint32_t load_word(const void* at) {
  std::uint32_t word = 0;
  asm volatile("ld.relaxed.gpu.global.u32 %0, [%1];" : "=r"(word) : "l"(at) : "memory");
  return word;
}
/// kAbsent, the greatest of all words, if one is absent. Comparing word by word would take longer.
__device__ __forceinline__ std::uint32_t greatest(uint4 words) {
  return max(max(words.x, words.y), max(words.z, words.w));
}
static_assert(kAbsent == 0xffffffffU);

__device__ __forceinline__ void publish_word(void* at, std::uint32_t word) {
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(at), "r"(word == kAbsent ? 0x7fffffffU : word) : "memory");
}
__device__ __forceinline__ void publish(float* at, float value) {
  publish_word(at, __float_as_uint(value));
}
/// Two neighbouring 16-bit values.
template <typename T>
__device__ __forceinline__ void publish_pair(T* at, float first, float second) {
  const T values[2] = {as_value<T>(first), as_value<T>(second)};
  std::uint32_t word = 0;
  memcpy(&word, values, sizeof word);
  if (word == kAbsent) word = 0x7fff7fffU;
  asm volatile("st.relaxed.gpu.global.u32 [%0], %1;" ::"l"(at), "r"(word) : "memory");
}

/// Waits for kN times 4 words; `place(k)` is where, aligned to 16 bytes, or null for zeros. All loads are under way
/// together.
template <int kN, typename Place>
__device__ __forceinline__ void await(uint4 (&words)[kN], Place place) {
  std::uint32_t most = 0;
  do {
    most = 0;
#pragma unroll
    for (int k = 0; k < kN; ++k) {
      const void* at = place(k);
      words[k] = at != nullptr ? load_words4(at) : uint4{};
    }
#pragma unroll
    for (int k = 0; k < kN; ++k) most = max(most, greatest(words[k]));
  } while (most == kAbsent);
}
/// The same for a whole warp, whose lanes then go on together. `has(k)`: whether a lane has these words; else zeros.
/// `at`: of the first ones; the others are `stride` bytes apart.
template <int kN, typename Has>
__device__ __forceinline__ void await_together(uint4 (&words)[kN], const std::byte* at, std::int64_t stride, Has has) {
  std::uint32_t most = 0;
  do {
    most = 0;
#pragma unroll
    for (int k = 0; k < kN; ++k) words[k] = has(k) ? load_words4(at + k * stride) : uint4{};
#pragma unroll
    for (int k = 0; k < kN; ++k) most = max(most, greatest(words[k]));
  } while (__any_sync(kAllLanes, most == kAbsent));
}
__device__ __forceinline__ float await(const float* at) {
  std::uint32_t word = load_word(at);
  while (word == kAbsent) word = load_word(at);
  return __uint_as_float(word);
}

__device__ __forceinline__ float4 as_floats(uint4 words) {
  return make_float4(__uint_as_float(words.x), __uint_as_float(words.y), __uint_as_float(words.z),
                     __uint_as_float(words.w));
}

}  // namespace inferbench::cuda_backend
