// SPDX-License-Identifier: Apache-2.0
// AMX with 8-bit products. The process must have permission to use the tile registers.
#include "measure/machine_kernels.hpp"

namespace inferbench::machine_kernels::amx {
namespace {

constexpr std::uint64_t kTileRows = 16;
constexpr std::uint64_t kTileBytes = 64;  // per row

/// The operand of ldtilecfg: eight tiles of 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::uint8_t reserved[14] = {};
  std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

// NOLINTBEGIN(bugprone-macro-parentheses): pieces of assembly
#define CLEAR(tile) "tilezero %%" tile "\n\t"
#define DOT(acc, a, b) "tdpbssd %%" b ", %%" a ", %%" acc "\n\t"

// Four accumulators, from two tiles times two tiles: a tile multiplication depends on the one four before it.
void run_int8(std::uint64_t turns) {
  const TileConfig config;
  __asm__ volatile("ldtilecfg %1\n\t" CLEAR("tmm0") CLEAR("tmm1") CLEAR("tmm2") CLEAR("tmm3") CLEAR("tmm4")
                       CLEAR("tmm5") CLEAR("tmm6") CLEAR("tmm7") "1:\n\t" DOT("tmm0", "tmm4", "tmm6")
                           DOT("tmm1", "tmm4", "tmm7") DOT("tmm2", "tmm5", "tmm6")
                               DOT("tmm3", "tmm5", "tmm7") "dec %0\n\tjnz 1b\n\ttilerelease"
                   : "+r"(turns)
                   : "m"(config)
                   : "cc");
}
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace

const PeakKernel kInt8{"amx", run_int8, 4 * kTileRows* kTileRows* kTileBytes * 2};

}  // namespace inferbench::machine_kernels::amx
