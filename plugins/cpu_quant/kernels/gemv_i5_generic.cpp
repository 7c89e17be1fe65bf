// SPDX-License-Identifier: Apache-2.0
//
// int5 weights in plain C++: what the other instruction sets must equal bit for bit.
#include "int5.h"
#include "matmul_common.h"

namespace {

int32_t code_of(const uint8_t* weights, int32_t k, int32_t channel, int32_t input) {
  const int32_t low = (weights[i5_code_offset(k, channel, input)] >> i4_shift(input)) & 15;
  return low | ((weights[i5_fifth_offset(k, channel, input)] >> i5_fifth_shift(input)) & 1) << 4;
}

int32_t multiplier_of(const uint8_t* weights, int32_t k, int32_t channel, int32_t input) {
  return ((weights[i5_multiplier_offset(k, channel, input)] >> i4_shift(input)) & 15) + 1;
}

// The sum over a group of (u - 16) * s * q for a channel.
int32_t group_sum(const MatmulArgs& args, const Activations& a, int32_t channel, int32_t first) {
  int32_t sum = 0;
  for (int32_t i = first; i < first + inputs_of(args.k, first, kScaleGroup); ++i) {
    const int32_t weight =
        (code_of(args.weights, args.k, channel, i) - 16) * multiplier_of(args.weights, args.k, channel, i);
    sum += weight * a.q[i];
  }
  return sum;
}

void gemv(const MatmulArgs* args, int32_t tile_begin, int32_t tile_end) {
  const int32_t k = args->k;
  const int32_t end = tile_end * kTile < args->n ? tile_end * kTile : args->n;
  for (int32_t m = 0; m < args->m; ++m) {
    const Activations a = activations_at(*args, m);
    for (int32_t channel = tile_begin * kTile; channel < end; ++channel) {
      float y = 0.0F;
      for (int32_t first = 0; first < k; first += kScaleGroup) {
        const float factor = float_at(args->weights + i5_scale_offset(k, channel, first / kSuperBlock));
        y = __builtin_fmaf(static_cast<float>(group_sum(*args, a, channel, first)),
                           a.scale[first / kScaleGroup] * factor, y);
      }
      float& out = args->c[m * args->ldc + channel];
      float start = args->accumulate != 0 ? out : 0.0F;
      if (args->bias != nullptr) start += args->bias[channel];
      out = y + start;
    }
  }
}

void dequantize_row(const uint8_t* weights, int32_t k, int32_t channel, const float* add, float* out) {
  for (int32_t i = 0; i < k; ++i) {
    const int32_t value = multiplier_of(weights, k, channel, i) * (code_of(weights, k, channel, i) - 16);
    const float w = static_cast<float>(value) * float_at(weights + i5_scale_offset(k, channel, i / kSuperBlock));
    out[i] = add == nullptr ? w : w + add[i];
  }
}

}  // namespace

namespace inferbench::cpu_quant {

void add_int5_generic(Int5Kernels* kernels) {
  kernels->gemv = gemv;
  kernels->dequantize_row = dequantize_row;
}

}  // namespace inferbench::cpu_quant
