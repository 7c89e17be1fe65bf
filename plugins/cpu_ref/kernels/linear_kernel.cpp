// SPDX-License-Identifier: Apache-2.0
// y[rows, 32] += x[rows, depth] * panel[depth, 32], the sums held in registers.
#include "kernels/kernel_functions.hpp"
#include "kernels/vec.hpp"

namespace inferbench::cpu_ref {
namespace {

// kRows x kColumns vectors of sums. x's rows are addressed from one pointer for three rows (x86 has base + index * 4
// and base + index * 8), which leaves registers for the pointers of twelve.
template <unsigned kRows, unsigned kColumns>
INFERBENCH_INLINE void tile(const float* x, int64_t ldx, const float* panel, int64_t depth, float* y, int64_t ldy) {
  constexpr unsigned kBases = (kRows + 2) / 3;
  const float* base[kBases];
  for (unsigned b = 0; b < kBases; ++b) base[b] = x + 3 * b * ldx;
  Vec sum[kRows][kColumns];
  for (unsigned r = 0; r < kRows; ++r) {
    for (unsigned c = 0; c < kColumns; ++c) sum[r][c] = set1(0.0F);
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vec w[kColumns];
    for (unsigned c = 0; c < kColumns; ++c) w[c] = load(panel + c * kLanes);
    for (unsigned r = 0; r < kRows; ++r) {
      const Vec value = set1(base[r / 3][r % 3 * ldx]);
      for (unsigned c = 0; c < kColumns; ++c) sum[r][c] = madd(value, w[c], sum[r][c]);
    }
    for (unsigned b = 0; b < kBases; ++b) ++base[b];
    panel += kPanel;
  }
  for (unsigned r = 0; r < kRows; ++r) {
    for (unsigned c = 0; c < kColumns; ++c) {
      float* out = y + r * ldy + c * kLanes;
      store(out, add(load(out), sum[r][c]));
    }
  }
}

// All 32 columns, as many at a time as kRows leaves registers for.
template <unsigned kRows>
void panel_tile(const float* x, int64_t ldx, const float* panel, int64_t depth, float* y, int64_t ldy) {
  constexpr unsigned kRegisters = kLanes == 16 ? 24 : 12;
  constexpr unsigned kAll = static_cast<unsigned>(kPanel) / kLanes;
  constexpr unsigned kFit = kRegisters / kRows;
  constexpr unsigned kColumns = kFit >= kAll ? kAll : kFit >= kAll / 2 ? kAll / 2 : kFit >= kAll / 4 ? kAll / 4 : 1;
  for (unsigned c = 0; c < kAll; c += kColumns) {
    tile<kRows, kColumns>(x, ldx, panel + c * kLanes, depth, y + c * kLanes, ldy);
  }
}

}  // namespace

namespace INFERBENCH_ISA {

void linear_tile(int64_t rows, const float* x, int64_t ldx, const float* panel, int64_t depth, float* y, int64_t ldy) {
  switch (rows) {
    case 1:
      return panel_tile<1>(x, ldx, panel, depth, y, ldy);
    case 2:
      return panel_tile<2>(x, ldx, panel, depth, y, ldy);
    case 3:
      return panel_tile<3>(x, ldx, panel, depth, y, ldy);
    case 4:
      return panel_tile<4>(x, ldx, panel, depth, y, ldy);
    case 5:
      return panel_tile<5>(x, ldx, panel, depth, y, ldy);
    case 6:
      return panel_tile<6>(x, ldx, panel, depth, y, ldy);
#if defined(__AVX512F__)
    case 7:
      return panel_tile<7>(x, ldx, panel, depth, y, ldy);
    case 8:
      return panel_tile<8>(x, ldx, panel, depth, y, ldy);
    case 9:
      return panel_tile<9>(x, ldx, panel, depth, y, ldy);
    case 10:
      return panel_tile<10>(x, ldx, panel, depth, y, ldy);
    case 11:
      return panel_tile<11>(x, ldx, panel, depth, y, ldy);
    case 12:
      return panel_tile<12>(x, ldx, panel, depth, y, ldy);
#endif
    default:
      return;
  }
}

}  // namespace INFERBENCH_ISA
}  // namespace inferbench::cpu_ref
