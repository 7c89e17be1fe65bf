// SPDX-License-Identifier: Apache-2.0
// AVX-512 F; the 8-bit loops also BW or VNNI.
#include "measure/machine_kernels.hpp"
#include "measure/machine_walk.hpp"

namespace inferbench::machine_kernels::avx512 {
namespace {

inline void load(const char* at) {
  __asm__ volatile(
      "vmovdqa64 0(%0), %%zmm0\n\tvmovdqa64 64(%0), %%zmm1\n\tvmovdqa64 128(%0), %%zmm2\n\tvmovdqa64 192(%0), %%zmm3"
      :
      : "r"(at)
      : "xmm0", "xmm1", "xmm2", "xmm3", "memory");
}

// NOLINTBEGIN(bugprone-macro-parentheses): pieces of assembly
#define ALL_16(operation)                                                                                           \
  operation("zmm0") operation("zmm1") operation("zmm2") operation("zmm3") operation("zmm4") operation("zmm5")       \
      operation("zmm6") operation("zmm7") operation("zmm8") operation("zmm9") operation("zmm10") operation("zmm11") \
          operation("zmm12") operation("zmm13") operation("zmm14") operation("zmm15")
#define CLEAR(acc) "vpxorq %%" acc ", %%" acc ", %%" acc "\n\t"
#define FMA(acc) "vfmadd231ps %%zmm30, %%zmm31, %%" acc "\n\t"
#define DOT_VNNI(acc) "vpdpbusd %%zmm30, %%zmm31, %%" acc "\n\t"
#define CLOBBERED                                                                                                  \
  "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
      "xmm13", "xmm14", "xmm15"

constexpr float kOne = 1;
constexpr float kSmall = 1e-3F;
constexpr std::int32_t kThrees = 0x03030303;
constexpr std::int32_t kOnes16 = 0x00010001;

void run_fp32(std::uint64_t turns) {
  __asm__ volatile("vbroadcastss %1, %%zmm30\n\tvbroadcastss %2, %%zmm31\n\t" ALL_16(CLEAR) "1:\n\t" ALL_16(
                       FMA) "dec %0\n\tjnz 1b\n\tvzeroupper"
                   : "+r"(turns)
                   : "m"(kOne), "m"(kSmall)
                   : CLOBBERED, "xmm30", "xmm31");
}

void run_vnni(std::uint64_t turns) {
  __asm__ volatile("vpbroadcastd %1, %%zmm30\n\tvmovdqa64 %%zmm30, %%zmm31\n\t" ALL_16(CLEAR) "1:\n\t" ALL_16(
                       DOT_VNNI) "dec %0\n\tjnz 1b\n\tvzeroupper"
                   : "+r"(turns)
                   : "m"(kThrees)
                   : CLOBBERED, "xmm30", "xmm31");
}

#define DOT(acc, temp)                                                               \
  "vpmaddubsw %%zmm30, %%zmm31, %%" temp "\n\tvpmaddwd %%zmm29, %%" temp ", %%" temp \
  "\n\t"                                                                             \
  "vpaddd %%" temp ", %%" acc ", %%" acc "\n\t"

void run_int8(std::uint64_t turns) {
  __asm__ volatile(
      "vpbroadcastd %1, %%zmm30\n\tvmovdqa64 %%zmm30, %%zmm31\n\tvpbroadcastd %2, %%zmm29\n\t"
      "1:\n\t" DOT("zmm0", "zmm8") DOT("zmm1", "zmm9") DOT("zmm2", "zmm10") DOT("zmm3", "zmm11") DOT("zmm4", "zmm12")
          DOT("zmm5", "zmm13") DOT("zmm6", "zmm14") DOT("zmm7", "zmm15") "dec %0\n\tjnz 1b\n\tvzeroupper"
      : "+r"(turns)
      : "m"(kThrees), "m"(kOnes16)
      : CLOBBERED, "xmm29", "xmm30", "xmm31");
}
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

void read(const char* data, std::size_t bytes, Walk walk) {
  walk_memory<load>(data, bytes, walk);
  __asm__ volatile("vzeroupper");
}

const PeakKernel kFp32{"avx512", run_fp32, 16 * 16 * 2};
const PeakKernel kInt8{"avx512", run_int8, 8 * 64 * 2};
const PeakKernel kInt8Vnni{"avx512vnni", run_vnni, 16 * 64 * 2};

}  // namespace inferbench::machine_kernels::avx512
