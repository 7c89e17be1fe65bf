// SPDX-License-Identifier: Apache-2.0
// SSE2, which every x86-64 has.
#include "measure/machine_kernels.hpp"
#include "measure/machine_walk.hpp"

namespace inferbench::machine_kernels::generic {
namespace {

// NOLINTBEGIN(bugprone-macro-parentheses): pieces of assembly
#define LOAD_LINE(offset)                                                                 \
  "movdqa " offset "+0(%0), %%xmm0\n\tmovdqa " offset "+16(%0), %%xmm1\n\tmovdqa " offset \
  "+32(%0), %%xmm2\n\t"                                                                   \
  "movdqa " offset "+48(%0), %%xmm3\n\t"

inline void load(const char* at) {
  __asm__ volatile(LOAD_LINE("0") LOAD_LINE("64") LOAD_LINE("128") LOAD_LINE("192")
                   :
                   : "r"(at)
                   : "xmm0", "xmm1", "xmm2", "xmm3", "memory");
}

constexpr float kOne[4] = {1, 1, 1, 1};
constexpr float kSmall[4] = {1e-3F, 1e-3F, 1e-3F, 1e-3F};

// SSE2 has no fused multiply-add: half of the chains multiply, half add.
void run_fp32(std::uint64_t turns) {
  __asm__ volatile(
      "movups %1, %%xmm14\n\tmovups %2, %%xmm15\n\t"
      "movaps %%xmm14, %%xmm0\n\tmovaps %%xmm14, %%xmm1\n\tmovaps %%xmm14, %%xmm2\n\tmovaps %%xmm14, %%xmm3\n\t"
      "movaps %%xmm14, %%xmm4\n\tmovaps %%xmm14, %%xmm5\n\tmovaps %%xmm14, %%xmm6\n\tmovaps %%xmm14, %%xmm7\n\t"
      "movaps %%xmm14, %%xmm8\n\tmovaps %%xmm14, %%xmm9\n\tmovaps %%xmm14, %%xmm10\n\tmovaps %%xmm14, %%xmm11\n\t"
      "1:\n\t"
      "mulps %%xmm14, %%xmm0\n\taddps %%xmm15, %%xmm6\n\tmulps %%xmm14, %%xmm1\n\taddps %%xmm15, %%xmm7\n\t"
      "mulps %%xmm14, %%xmm2\n\taddps %%xmm15, %%xmm8\n\tmulps %%xmm14, %%xmm3\n\taddps %%xmm15, %%xmm9\n\t"
      "mulps %%xmm14, %%xmm4\n\taddps %%xmm15, %%xmm10\n\tmulps %%xmm14, %%xmm5\n\taddps %%xmm15, %%xmm11\n\t"
      "dec %0\n\tjnz 1b"
      : "+r"(turns)
      : "m"(kOne), "m"(kSmall)
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14",
        "xmm15");
}

constexpr std::int16_t kThree[8] = {3, 3, 3, 3, 3, 3, 3, 3};

// SSE2 has no 8-bit multiply: this is the 16-bit multiply-add that generic code widens to.
#define DOT(acc, temp) "movdqa %%xmm14, %%" temp "\n\tpmaddwd %%xmm15, %%" temp "\n\tpaddd %%" temp ", %%" acc "\n\t"

void run_int8(std::uint64_t turns) {
  __asm__ volatile(
      "movdqu %1, %%xmm14\n\tmovdqa %%xmm14, %%xmm15\n\t"
      "1:\n\t" DOT("xmm0", "xmm8") DOT("xmm1", "xmm9") DOT("xmm2", "xmm10") DOT("xmm3", "xmm11") DOT("xmm4", "xmm12")
          DOT("xmm5", "xmm13") DOT("xmm6", "xmm8") DOT("xmm7", "xmm9") "dec %0\n\tjnz 1b"
      : "+r"(turns)
      : "m"(kThree)
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15");
}
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

void read(const char* data, std::size_t bytes, Walk walk) {
  walk_memory<load>(data, bytes, walk);
}

const PeakKernel kFp32{"generic", run_fp32, 12 * 4};
const PeakKernel kInt8{"generic", run_int8, 8 * 8 * 2};

}  // namespace inferbench::machine_kernels::generic
