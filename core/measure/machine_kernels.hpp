// SPDX-License-Identifier: Apache-2.0
#pragma once

// The loops that find the machine's limits. They are inline assembly from the first instruction of a turn to the last:
// a compiler would drop loads whose values nobody needs, hoist those that repeat, and join accumulators.
// One file an instruction set, compiled for it; nothing in them may reach code that runs elsewhere.

#include <cstddef>
#include <cstdint>

namespace inferbench::machine_kernels {

/// How memory is walked; which is fastest depends on the machine's prefetchers.
enum class Walk : std::int32_t { kPlain, kPrefetched, kFourStreams };

/// Reads every byte of `bytes` (a multiple of 4096) from `data` (64-byte aligned) once.
using ReadFunction = void (*)(const char* data, std::size_t bytes, Walk walk);

/// Runs `turns` (at least 1) times a fixed number of operations, in chains long enough to hide every latency.
using PeakFunction = void (*)(std::uint64_t turns);

struct PeakKernel {
  const char* isa;
  PeakFunction run;
  std::uint64_t operations;  ///< of one turn
};

namespace generic {
void read(const char* data, std::size_t bytes, Walk walk);
extern const PeakKernel kFp32;
extern const PeakKernel kInt8;
}  // namespace generic

namespace avx2 {
void read(const char* data, std::size_t bytes, Walk walk);
extern const PeakKernel kFp32;
extern const PeakKernel kInt8;
extern const PeakKernel kInt8Vnni;  ///< needs AVX-VNNI
}  // namespace avx2

namespace avx512 {
void read(const char* data, std::size_t bytes, Walk walk);
extern const PeakKernel kFp32;
extern const PeakKernel kInt8;      ///< without VNNI: needs AVX-512 BW
extern const PeakKernel kInt8Vnni;  ///< needs AVX-512 VNNI
}  // namespace avx512

namespace amx {
extern const PeakKernel kInt8;
}  // namespace amx

}  // namespace inferbench::machine_kernels
