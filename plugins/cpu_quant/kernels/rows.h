// SPDX-License-Identifier: Apache-2.0
//
// The row kernels over Vec (vec_*.h): quantization, norms, activations, argmax. Included by one file per
// instruction set, after its Vec.
#pragma once

#include "kernels.h"
#include "row_values.h"

namespace {

// Where the parts of a quantized row lie.
struct QuantizedRow {
  int8_t* q;
  int16_t* half;
  float* scale;
  int32_t* offset;
};

inline QuantizedRow row_at(uint8_t* rows, int32_t k, int32_t m) {
  uint8_t* base = rows + m * quantized_row_bytes(k);
  return {reinterpret_cast<int8_t*>(base), reinterpret_cast<int16_t*>(base + row_half_offset(k)),
          reinterpret_cast<float*>(base + row_scale_offset(k)), reinterpret_cast<int32_t*>(base + row_sum_offset(k))};
}

constexpr int32_t kGroupsAtOnce = 16;  // are quantized: one in each lane
static_assert(kChunk == kGroupsAtOnce * kScaleGroup);

// n inputs at x of each of m rows, stride apart: up to 16 groups together.
struct Chunk {
  const float* x;
  int64_t stride;
  int32_t m;
  int32_t n;

  [[nodiscard]] const float* row(int32_t r) const { return x + r * stride; }
};

// Scales of a chunk's groups, row after row, and the factors that make their values 8-bit integers; NaN for both where
// a group holds a NaN or an infinity.
template <class Kind>
void scales_of(const Chunk& chunk, const Kind& kind, float* scale, float* factor) {
  Vec part[kGroupsAtOnce];
  int32_t group = 0;
  for (int32_t r = 0; r < chunk.m; ++r) {
    for (int32_t i = 0; i < chunk.n; i += kScaleGroup, ++group) {
      part[group] = Vec::max_bits(Vec::abs(value_at(chunk.row(r), i, chunk.n, kind)),
                                  Vec::abs(value_at(chunk.row(r), i + 16, chunk.n, kind)));
    }
  }
  for (; group < kGroupsAtOnce; ++group) part[group] = Vec::set(0.0F);
  const Vec largest = Vec::largest_of_each(part);
  const Vec tiny = Vec::set(1e-30F);
  const Vec bad = Vec::mul(largest, Vec::set(0.0F));  // 0, or NaN where not finite
  const Vec wanted = Vec::mul(largest, Vec::set(Kind::kInverse));
  Vec::add(Vec::zero_below(wanted, largest, tiny), bad).store(scale);
  Vec::add(Vec::zero_below(Vec::div(Vec::set(Kind::kLargest), largest), largest, tiny), bad).store(factor);
}

// Quantizes inputs [first, first + n), which are at x, by their groups' scales and factors.
template <class Kind>
void store_quantized(const float* x, int32_t first, int32_t n, const Kind& kind, const float* scale,
                     const float* factor, const QuantizedRow& row) {
  const int32_t groups = n_groups(n);
  for (int32_t g = 0; g < groups; ++g) row.scale[first / kScaleGroup + g] = scale[g];

  int8_t* q = row.q + first;
  int16_t* half = row.half + first / kHalfGroup;
  int32_t* offset = row.offset + first / kScaleGroup;
  for (int32_t i = 0; i < n; i += 64) {
    Vec v[4];
    for (int32_t j = 0; j < 4; ++j) {
      const float by = i + 16 * j < n ? factor[(i + 16 * j) / kScaleGroup] : 0.0F;
      v[j] = by >= 0.0F ? Vec::mul(value_at(x, i + 16 * j, n, kind), Vec::set(by)) : Vec::set(0.0F);
    }
    Vec::store_rounded<Kind::kUnsigned>(v, q + i);
    int16_t halves[4] = {};
    int32_t offsets[2] = {};
    if (!Kind::kUnsigned) Vec::sums_of_64(q + i, halves, offsets);
    __builtin_memcpy(half + i / kHalfGroup, halves, sizeof(halves));
    offset[i / kScaleGroup] = offsets[0];
    if (i / kScaleGroup + 1 < groups) offset[i / kScaleGroup + 1] = offsets[1];
  }
}

// A chunk to inputs [first, first + n) of quantized rows from `row` on.
template <class Kind>
void quantize_chunk(const Chunk& chunk, int32_t first, const Kind& kind, uint8_t* rows, int32_t k, int32_t row) {
  alignas(64) float scale[kGroupsAtOnce];
  alignas(64) float factor[kGroupsAtOnce];
  scales_of(chunk, kind, scale, factor);
  for (int32_t r = 0; r < chunk.m; ++r) {
    const int32_t group = r * n_groups(chunk.n);
    store_quantized(chunk.row(r), first, chunk.n, kind, scale + group, factor + group, row_at(rows, k, row + r));
  }
}

// Rows of a part that are quantized together: narrow ones share the lanes.
int32_t rows_at_once(int32_t n) {
  return kGroupsAtOnce / n_groups(n);
}

void quantize_rows(const float* x, int64_t stride, int32_t m, RowPart part, uint8_t* rows) {
  for (int32_t i = 0; i < part.n; i += kChunk) {
    const int32_t n = inputs_of(part.n, i, kChunk);
    for (int32_t r = 0; r < m; r += rows_at_once(n)) {
      const Chunk chunk = {x + r * stride + i, stride, inputs_of(m, r, rows_at_once(n)), n};
      quantize_chunk(chunk, part.first + i, Signed{}, rows, part.k, r);
    }
  }
}

void norm_quantize_rows(const float* x, int64_t stride, int32_t m, int32_t k, const NormArgs* norm, uint8_t* rows) {
  for (int32_t r = 0; r < m; ++r) {
    normalize_by_chunks(x + r * stride, k, *norm, [&](const float* chunk, int32_t first, int32_t n) {
      quantize_chunk({chunk, 0, 1, n}, first, Signed{}, rows, k, r);
    });
  }
}

void activate_quantize_rows(float* x, int64_t stride, int32_t m, RowPart part, int32_t activation,
                            int32_t unsigned_rows, uint8_t* rows) {
  const Unsigned kind = {Vec::set(activation == kActivationRelu ? kReluShift : kGeluShift)};
  for (int32_t i = 0; i < part.n; i += kChunk) {
    const int32_t n = inputs_of(part.n, i, kChunk);
    for (int32_t r = 0; r < m; r += rows_at_once(n)) {
      const Chunk chunk = {x + r * stride + i, stride, inputs_of(m, r, rows_at_once(n)), n};
      activate_rows(x + r * stride + i, stride, chunk.m, n, activation);
      if (unsigned_rows != 0) {
        quantize_chunk(chunk, part.first + i, kind, rows, part.k, r);
      } else {
        quantize_chunk(chunk, part.first + i, Signed{}, rows, part.k, r);
      }
    }
  }
}

void gate_quantize_rows(float* x, int64_t stride, int32_t m, RowPart part, int32_t activation, uint8_t* rows) {
  for (int32_t i = 0; i < part.n; i += kChunk) {
    const int32_t n = inputs_of(part.n, i, kChunk);
    for (int32_t r = 0; r < m; r += rows_at_once(n)) {
      const Chunk chunk = {x + r * stride + i, stride, inputs_of(m, r, rows_at_once(n)), n};
      gate_rows(x + r * stride, stride, chunk.m, i, n, activation);
      quantize_chunk(chunk, part.first + i, Signed{}, rows, part.k, r);
    }
  }
}

void add_norm(const float* y, int64_t y_stride, int32_t m, int32_t k, const NormArgs* norm, float* x,
              int64_t x_stride) {
  for (int32_t r = 0; r < m; ++r) {
    normalize_by_chunks(y + r * y_stride, k, *norm, [&](const float* chunk, int32_t first, int32_t n) {
      float* to = x + r * x_stride + first;
      for (int32_t i = 0; i < n; i += 16) {
        store_up_to(Vec::add(load_up_to(to + i, n - i), load_up_to(chunk + i, n - i)), to + i, n - i);
      }
    });
  }
}

void soft_cap(float* x, int32_t n, float cap) {
  for (int32_t i = 0; i < n; i += 16) {
    store_up_to(soft_capped(load_up_to(x + i, n - i), Vec::set(cap)), x + i, n - i);
  }
}

int32_t argmax(const float* x, int32_t n) {
  const float lowest = -__builtin_inff();
  Vec best = Vec::set(lowest);
  for (int32_t i = 0; i < n; i += 16) best = Vec::max(Vec::fill_from(load_up_to(x + i, n - i), n - i, lowest), best);
  const Vec largest = Vec::set(Vec::largest(best));
  for (int32_t i = 0; i < n; i += 16) {
    const uint32_t valid = n - i >= 16 ? 0xffffU : (1U << (n - i)) - 1U;
    const uint32_t hit = Vec::equal(load_up_to(x + i, n - i), largest) & valid;
    if (hit != 0) return i + __builtin_ctz(hit);
  }
  return 0;
}

void fill_rows(KernelTable* table) {
  table->gemv_rows = {RowFormat::Quantized, quantize_rows, norm_quantize_rows, activate_quantize_rows,
                      gate_quantize_rows};
  table->gemm_rows = table->gemv_rows;
  table->add_norm = add_norm;
  table->soft_cap = soft_cap;
  table->argmax = argmax;
}

}  // namespace
