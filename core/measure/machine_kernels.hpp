// SPDX-License-Identifier: Apache-2.0
#pragma once

// The loops that measure the machine's limits. Each loop body is entirely inline assembly: a compiler would drop loads
// with unused results, hoist repeated ones, and merge accumulators. There is one file per instruction set, compiled for
// it; nothing in these files may be called on other machines.

#include <cstddef>
#include <cstdint>

namespace inferbench::machine_kernels {

/// The access pattern for reading memory; which one is fastest depends on the machine's prefetchers.
enum class Walk : std::int32_t { kPlain, kPrefetched, kFourStreams };

/// Reads every byte of `bytes` (a multiple of 4096) from `data` (64-byte aligned) once.
using ReadFunction = void (*)(const char* data, std::size_t bytes, Walk walk);

/// Runs a fixed number of operations `turns` times (at least 1), in enough independent chains to hide all latencies.
using PeakFunction = void (*)(std::uint64_t turns);

struct PeakKernel {
  const char* isa;
  PeakFunction run;
  std::uint64_t operations;  ///< per turn
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
