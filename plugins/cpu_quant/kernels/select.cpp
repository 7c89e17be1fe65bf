// SPDX-License-Identifier: Apache-2.0
//
// Which instruction sets this machine runs, and their tables.
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "int5.h"
#include "kernels.h"
#include "parts.h"

namespace inferbench::cpu_quant {
namespace {

// Bits of XCR0 that the operating system must have set for AVX (xmm, ymm) and AVX-512 (and mask, zmm) registers.
constexpr uint64_t kAvxState = 0x6;
constexpr uint64_t kAvx512State = 0xe6;

struct CpuidLeaf {
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
};

CpuidLeaf cpuid(uint32_t leaf, uint32_t part = 0) {
  CpuidLeaf r;
  // Compilers disagree on the sign of what this gives.
  if (static_cast<uint32_t>(__get_cpuid_max(0, nullptr)) >= leaf) __cpuid_count(leaf, part, r.a, r.b, r.c, r.d);
  return r;
}

// Measured on Zen 3, 4 and 5, Emerald and Granite Rapids (bench/README.md); on the last two with AVX-512 only.
FetchAhead best_fetching() {
  constexpr uint32_t kZen4Family = 0x19;  // and Zen 3's
  const CpuidLeaf vendor = cpuid(0);
  const bool amd = vendor.b == 0x68747541 && vendor.d == 0x69746e65 && vendor.c == 0x444d4163;  // "AuthenticAMD"
  if (!amd) return FetchAhead::IntoL2;
  const uint32_t version = cpuid(1).a;
  const uint32_t family = (version >> 8 & 0xf) + (version >> 20 & 0xff);
  const uint32_t model = (version >> 4 & 0xf) + (version >> 12 & 0xf0);
  const bool zen4 = family == kZen4Family && ((model >= 0x10 && model < 0x20) || model >= 0x60);
  return zen4 || family < kZen4Family ? FetchAhead::Nowhere : FetchAhead::IntoL1;
}

uint64_t enabled_state() {
  if ((cpuid(1).c & (1U << 27)) == 0) return 0;  // OSXSAVE: without it xgetbv faults
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t{high} << 32) | low;
}

bool all_set(uint32_t value, uint32_t bits) {
  return (value & bits) == bits;
}

bool has_avx2() {
  return (enabled_state() & kAvxState) == kAvxState &&
         all_set(cpuid(1).c, (1U << 28) | (1U << 12) | (1U << 29)) &&  // AVX, FMA, F16C
         all_set(cpuid(7).b, 1U << 5);
}

bool has_avx_vnni() {
  return has_avx2() && all_set(cpuid(7, 1).a, 1U << 4);
}

bool has_avx512_vnni() {
  const CpuidLeaf leaf = cpuid(7);
  return has_avx2() && (enabled_state() & kAvx512State) == kAvx512State &&
         all_set(leaf.b, (1U << 16) | (1U << 17) | (1U << 30) | (1U << 31)) &&  // F, DQ, BW, VL
         all_set(leaf.c, 1U << 11);                                             // VNNI
}

// Linux gives the tile registers, 8 KiB a thread, only to a process that asks; all its threads have them then. It
// refuses where a thread's alternate signal stack is too small for them.
bool may_use_tiles() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM of <asm/prctl.h>, which older headers lack
  constexpr long kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool has_amx_bf16() {
  return has_avx512_vnni() && all_set(cpuid(7).d, (1U << 24) | (1U << 22)) &&  // TILE, BF16
         all_set(cpuid(7, 1).a, 1U << 5) &&                                    // AVX512_BF16
         may_use_tiles();
}

KernelTable make_generic() {
  KernelTable table = {};
  table.isa = Isa::Generic;
  table.name = "generic";
  table.streamed_rows = kMaxGemvRows;
  add_matmul_generic(&table);
  add_rows_generic(&table);
  add_attention_generic(&table);
  return table;
}

// The rest comes from the generic table: what would gain nothing.
KernelTable make_avx2() {
  KernelTable table = make_generic();
  table.isa = Isa::Avx2;
  table.name = "avx2";
  add_gemv_i8_avx2(&table, best_fetching());
  add_gemm_i8_avx2(&table);
  add_matmul_i4_avx2(&table);
  add_rows_avx2(&table);
  add_attention_avx2(&table, best_fetching());
  return table;
}

KernelTable make_avx_vnni() {
  KernelTable table = make_avx2();
  table.isa = Isa::AvxVnni;
  table.name = "avxvnni";
  add_matmul_avxvnni(&table, best_fetching());
  return table;
}

KernelTable make_avx512() {
  KernelTable table = make_generic();
  table.isa = Isa::Avx512Vnni;
  table.name = "avx512vnni";
  table.streamed_rows = 2 * kMaxGemvRows;
  add_gemv_i8_avx512(&table, best_fetching());
  add_gemv_i4_avx512(&table, best_fetching());
  add_gemm_avx512(&table);
  add_rows_avx512(&table);
  add_attention_avx512(&table, best_fetching());
  return table;
}

// What AMX does better: products and attention of many rows. Few rows read weights, which are not worth expanding for
// them.
KernelTable make_amx() {
  KernelTable table = make_avx512();
  table.isa = Isa::Amx;
  table.name = "amx";
  add_gemm_amx(&table);
  add_rows_amx(&table);
  add_attention_amx(&table);
  return table;
}

Int5Kernels make_int5(Isa isa) {
  Int5Kernels kernels = {};
  add_int5_generic(&kernels);
  if (isa == Isa::Avx2 || isa == Isa::AvxVnni) add_int5_avx2(&kernels);
  if (isa == Isa::Avx512Vnni || isa == Isa::Amx) add_int5_avx512(&kernels, best_fetching());
  return kernels;
}

}  // namespace

// A table is made when it is first asked for, since what makes it is compiled for its instruction set.
const KernelTable* select_kernels(Isa isa) {
  const bool best = isa == Isa::Auto;
  if ((best || isa == Isa::Amx) && has_amx_bf16()) {
    static const KernelTable kAmx = make_amx();
    return &kAmx;
  }
  if ((best || isa == Isa::Avx512Vnni) && has_avx512_vnni()) {
    static const KernelTable kAvx512 = make_avx512();
    return &kAvx512;
  }
  if ((best || isa == Isa::AvxVnni) && has_avx_vnni()) {
    static const KernelTable kAvxVnni = make_avx_vnni();
    return &kAvxVnni;
  }
  if ((best || isa == Isa::Avx2) && has_avx2()) {
    static const KernelTable kAvx2 = make_avx2();
    return &kAvx2;
  }
  if (!best && isa != Isa::Generic) return nullptr;
  static const KernelTable kGeneric = make_generic();
  return &kGeneric;
}

const Int5Kernels& int5_kernels(Isa isa) {
  if (isa == Isa::Avx512Vnni || isa == Isa::Amx) {
    static const Int5Kernels kAvx512 = make_int5(isa);
    return kAvx512;
  }
  if (isa == Isa::Avx2 || isa == Isa::AvxVnni) {
    static const Int5Kernels kAvx2 = make_int5(isa);
    return kAvx2;
  }
  static const Int5Kernels kGeneric = make_int5(Isa::Generic);
  return kGeneric;
}

}  // namespace inferbench::cpu_quant
