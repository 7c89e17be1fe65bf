// SPDX-License-Identifier: Apache-2.0
// AVX2 and FMA.
#include "measure/machine_kernels.hpp"
#include "measure/machine_walk.hpp"

namespace inferbench::machine_kernels::avx2 {
namespace {

// NOLINTBEGIN(bugprone-macro-parentheses): pieces of assembly
#define LOAD_LINE(offset) "vmovdqa " offset "+0(%0), %%ymm0\n\tvmovdqa " offset "+32(%0), %%ymm1\n\t"

inline void load(const char* at) {
  __asm__ volatile(LOAD_LINE("0") LOAD_LINE("64") LOAD_LINE("128") LOAD_LINE("192")
                   :
                   : "r"(at)
                   : "xmm0", "xmm1", "memory");
}

constexpr float kOne = 1;
constexpr float kSmall = 1e-3F;

#define FMA(acc) "vfmadd231ps %%ymm14, %%ymm15, %%" acc "\n\t"

// Two units with a latency of 4 or 5 need 10 chains; 12 fit into the registers.
void run_fp32(std::uint64_t turns) {
  __asm__ volatile(
      "vbroadcastss %1, %%ymm14\n\tvbroadcastss %2, %%ymm15\n\t"
      "vxorps %%ymm0, %%ymm0, %%ymm0\n\tvxorps %%ymm1, %%ymm1, %%ymm1\n\tvxorps %%ymm2, %%ymm2, %%ymm2\n\t"
      "vxorps %%ymm3, %%ymm3, %%ymm3\n\tvxorps %%ymm4, %%ymm4, %%ymm4\n\tvxorps %%ymm5, %%ymm5, %%ymm5\n\t"
      "vxorps %%ymm6, %%ymm6, %%ymm6\n\tvxorps %%ymm7, %%ymm7, %%ymm7\n\tvxorps %%ymm8, %%ymm8, %%ymm8\n\t"
      "vxorps %%ymm9, %%ymm9, %%ymm9\n\tvxorps %%ymm10, %%ymm10, %%ymm10\n\tvxorps %%ymm11, %%ymm11, %%ymm11\n\t"
      "1:\n\t" FMA("ymm0") FMA("ymm1") FMA("ymm2") FMA("ymm3") FMA("ymm4") FMA("ymm5") FMA("ymm6") FMA("ymm7")
          FMA("ymm8") FMA("ymm9") FMA("ymm10") FMA("ymm11") "dec %0\n\tjnz 1b\n\tvzeroupper"
      : "+r"(turns)
      : "m"(kOne), "m"(kSmall)
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15");
}

constexpr std::int8_t kThree = 3;
constexpr std::int16_t kOne16 = 1;

// Unsigned times signed bytes to 16 bits, pairs to 32 bits, sum: AVX2's replacement for vpdpbusd.
#define DOT(acc, temp)                                                               \
  "vpmaddubsw %%ymm14, %%ymm15, %%" temp "\n\tvpmaddwd %%ymm13, %%" temp ", %%" temp \
  "\n\t"                                                                             \
  "vpaddd %%" temp ", %%" acc ", %%" acc "\n\t"

void run_int8(std::uint64_t turns) {
  __asm__ volatile(
      "vpbroadcastb %1, %%ymm14\n\tvmovdqa %%ymm14, %%ymm15\n\tvpbroadcastw %2, %%ymm13\n\t"
      "1:\n\t" DOT("ymm0", "ymm8") DOT("ymm1", "ymm9") DOT("ymm2", "ymm10") DOT("ymm3", "ymm11") DOT("ymm4", "ymm12")
          DOT("ymm5", "ymm8") DOT("ymm6", "ymm9") DOT("ymm7", "ymm10") "dec %0\n\tjnz 1b\n\tvzeroupper"
      : "+r"(turns)
      : "m"(kThree), "m"(kOne16)
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15");
}
#define DOT_VNNI(acc) "%{vex%} vpdpbusd %%ymm14, %%ymm15, %%" acc "\n\t"

void run_vnni(std::uint64_t turns) {
  __asm__ volatile(
      "vpbroadcastb %1, %%ymm14\n\tvmovdqa %%ymm14, %%ymm15\n\t"
      "1:\n\t" DOT_VNNI("ymm0") DOT_VNNI("ymm1") DOT_VNNI("ymm2") DOT_VNNI("ymm3") DOT_VNNI("ymm4") DOT_VNNI("ymm5")
          DOT_VNNI("ymm6") DOT_VNNI("ymm7") DOT_VNNI("ymm8") DOT_VNNI("ymm9") DOT_VNNI("ymm10")
              DOT_VNNI("ymm11") "dec %0\n\tjnz 1b\n\tvzeroupper"
      : "+r"(turns)
      : "m"(kThree)
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15");
}
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

void read(const char* data, std::size_t bytes, Walk walk) {
  walk_memory<load>(data, bytes, walk);
  __asm__ volatile("vzeroupper");
}

const PeakKernel kFp32{"avx2", run_fp32, 12 * 8 * 2};
const PeakKernel kInt8{"avx2", run_int8, 8 * 32 * 2};
const PeakKernel kInt8Vnni{"avxvnni", run_vnni, 12 * 32 * 2};

}  // namespace inferbench::machine_kernels::avx2
