// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

namespace inferbench::cpu_ref {

/// Output channels of one panel of a packed matrix: panel[k][kPanel], k-major.
constexpr int64_t kPanel = 32;

/// The inner loops, compiled once per instruction set (src: kernels/*_kernel.cpp). All pointers are to fp32, no
/// alignment is required, buffers do not overlap unless a comment says so. Every value is computed in an order that
/// depends on nothing but its own row, so results do not depend on batch, chunking or threads; avx2 and avx512 round
/// alike.
struct Kernels {
  const char* name;

  /// Most rows that one call of linear_tile takes.
  int64_t tile_rows;

  /// y[r][0..31] += sum over k < depth of x[r][k] * panel[k][0..31], for r < rows <= tile_rows.
  /// x [rows, depth] with row stride ldx; panel [depth, 32]; y [rows, 32] with row stride ldy.
  void (*linear_tile)(int64_t rows, const float* x, int64_t ldx, const float* panel, int64_t depth, float* y,
                      int64_t ldy);

  /// scores[0..n) := softmax(scale * scores[0..n)); scores[n..padded) := 0. padded is a multiple of 16, at least n
  /// >= 1.
  void (*softmax)(float* scores, int64_t n, int64_t padded, float scale);

  /// x[0..n) := cap * tanh(scale * x[0..n) / cap), in place. cap > 0.
  void (*soft_cap)(float* x, int64_t n, float scale, float cap);

  /// y = (x - mean(x)) / sqrt(variance(x) + epsilon) * weight + bias; all [n]. y may be x.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int64_t n, float epsilon, float* y);

  /// y = x / sqrt(mean(x^2) + epsilon) * weight; all [n]. y may be x.
  void (*rms_norm)(const float* x, const float* weight, int64_t n, float epsilon, float* y);

  /// head[j], head[half + j] := head[j] cosines[j] - head[half + j] sines[j], head[half + j] cosines[j] + head[j]
  /// sines[j], for j < half. The same bits with every instruction set.
  void (*rotate)(float* head, const float* cosines, const float* sines, int64_t half);

  /// x[0..n) := activation(x), in place; see IB_ACTIVATION_* for the formulas.
  void (*gelu_tanh)(float* x, int64_t n);
  void (*gelu_erf)(float* x, int64_t n);
  void (*relu)(float* x, int64_t n);
  void (*silu)(float* x, int64_t n);

  /// x[i] := x[i] * factors[i], for i < n.
  void (*multiply_by)(float* x, const float* factors, int64_t n);

  /// Index of the greatest value; the lowest index where equal; 0 where none is comparable (all NaN). n >= 1.
  int64_t (*argmax)(const float* x, int64_t n);
};

namespace generic {
extern const Kernels kKernels;  ///< SSE2: every x86-64
}
namespace avx2 {
extern const Kernels kKernels;  ///< AVX2 and FMA
}
namespace avx512 {
extern const Kernels kKernels;  ///< AVX-512F
}

}  // namespace inferbench::cpu_ref
