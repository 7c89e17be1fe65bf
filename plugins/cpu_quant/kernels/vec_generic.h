// SPDX-License-Identifier: Apache-2.0
//
// Sixteen floats in plain C++: the meaning of every operation of Vec. vec_avx2.h and vec_avx512.h have the same
// operations with the same rounding, except madd, so that code written once over Vec gives the same bits everywhere.
#pragma once

#include <stdint.h>

namespace {

struct Vec {
  float lane[16];

  // Register tile of products over Vec: rows x vectors of the accumulator.
  static constexpr int kTileRows = 2;
  static constexpr int kTileVecs = 1;
  // Vectors that decode attention sums at once, each in two accumulators.
  static constexpr int kDecodeVecs = 2;

  template <class F>
  static Vec make(F f) {
    Vec r;
    for (int i = 0; i < 16; ++i) r.lane[i] = f(i);
    return r;
  }
  static uint32_t bits(float x) { return __builtin_bit_cast(uint32_t, x); }
  static float from_bits(uint32_t x) { return __builtin_bit_cast(float, x); }

  static Vec set(float x) {
    return make([&](int) { return x; });
  }
  static Vec load(const float* p) {
    return make([&](int i) { return p[i]; });
  }
  // Lanes from n on are 0 and not read.
  static Vec load_part(const float* p, int n) {
    return make([&](int i) { return i < n ? p[i] : 0.0F; });
  }
  static Vec load_i8(const int8_t* p) {
    return make([&](int i) { return static_cast<float>(p[i]); });
  }
  static Vec load_f16(const uint16_t* p) {
    return make([&](int i) { return half_to_float(p[i]); });
  }
  void store(float* p) const {
    for (int i = 0; i < 16; ++i) p[i] = lane[i];
  }
  void store_part(float* p, int n) const {
    for (int i = 0; i < n; ++i) p[i] = lane[i];
  }
  void store_f16(uint16_t* p) const {
    for (int i = 0; i < 16; ++i) p[i] = float_to_half(lane[i]);
  }
  // The low byte of each lane's bits.
  void store_low_bytes(int8_t* p) const {
    for (int i = 0; i < 16; ++i) p[i] = static_cast<int8_t>(static_cast<uint8_t>(bits(lane[i])));
  }

  static Vec add(Vec a, Vec b) {
    return make([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Vec sub(Vec a, Vec b) {
    return make([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static Vec mul(Vec a, Vec b) {
    return make([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static Vec div(Vec a, Vec b) {
    return make([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  // a * b + c with one rounding.
  static Vec fma(Vec a, Vec b, Vec c) {
    return make([&](int i) { return __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]); });
  }
  // a * b + c with one rounding or two, whichever is fast.
  static Vec madd(Vec a, Vec b, Vec c) {
    return make([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
  }
  // b where either is a NaN, as the x86 instruction.
  static Vec max(Vec a, Vec b) {
    return make([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Vec min(Vec a, Vec b) {
    return make([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Vec abs(Vec a) {
    return make([&](int i) { return from_bits(bits(a.lane[i]) & 0x7fffffffU); });
  }
  // Larger bits as unsigned numbers; of lanes without sign, so that NaN > infinity > all else.
  static Vec max_bits(Vec a, Vec b) {
    return make([&](int i) { return bits(a.lane[i]) > bits(b.lane[i]) ? a.lane[i] : b.lane[i]; });
  }
  // a's bits + (b's bits << 23).
  static Vec add_exponent(Vec a, Vec b) {
    return make([&](int i) { return from_bits(bits(a.lane[i]) + (bits(b.lane[i]) << 23)); });
  }
  // a where x >= bound or x is a NaN, else 0.
  static Vec zero_below(Vec a, Vec x, Vec bound) {
    return make([&](int i) { return x.lane[i] < bound.lane[i] ? 0.0F : a.lane[i]; });
  }
  // a, but value in lanes from n on (n <= 0: all).
  static Vec fill_from(Vec a, int n, float value) {
    return make([&](int i) { return i < n ? a.lane[i] : value; });
  }
  // Where x < 0: a, else b.
  static Vec if_negative(Vec x, Vec a, Vec b) {
    return make([&](int i) { return x.lane[i] < 0.0F ? a.lane[i] : b.lane[i]; });
  }
  // One bit a lane: a == b.
  static uint32_t equal(Vec a, Vec b) {
    uint32_t r = 0;
    for (int i = 0; i < 16; ++i) r |= static_cast<uint32_t>(a.lane[i] == b.lane[i]) << i;
    return r;
  }

  // Halves added (or compared) until one is left: lane i with i + 8, then i + 4, i + 2, i + 1.
  static float sum(Vec a) {
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) a.lane[i] += a.lane[i + half];
    }
    return a.lane[0];
  }
  static float largest(Vec a) {
    for (int half = 8; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) a.lane[i] = a.lane[i] > a.lane[i + half] ? a.lane[i] : a.lane[i + half];
    }
    return a.lane[0];
  }
  static uint32_t largest_bits(Vec a) {
    uint32_t r = 0;
    for (int i = 0; i < 16; ++i) r = bits(a.lane[i]) > r ? bits(a.lane[i]) : r;
    return r;
  }
  // 64 numbers, rounded to nearest even, as s8 (they are within -127 to 127) or u8 (0 to 255).
  template <bool kUnsigned>
  static void store_rounded(const Vec (&v)[4], int8_t* p) {
    for (int i = 0; i < 4; ++i) add(v[i], set(12582912.0F)).store_low_bytes(p + 16 * i);
  }
  // Lane i: the lane of v[i] with the largest bits.
  static Vec largest_of_each(const Vec (&v)[16]) {
    return make([&](int i) { return from_bits(largest_bits(v[i])); });
  }
  // Lane j of v[i] to lane i of v[j].
  static void transpose(Vec (&v)[16]) {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < i; ++j) {
        const float x = v[i].lane[j];
        v[i].lane[j] = v[j].lane[i];
        v[j].lane[i] = x;
      }
    }
  }
  // Of 64 bytes: -8 * each sum of 16, and -128 * each sum of 32.
  static void sums_of_64(const int8_t* q, int16_t (&halves)[4], int32_t (&groups)[2]) {
    int32_t sums[4] = {};
    for (int i = 0; i < 64; ++i) sums[i / 16] += q[i];
    for (int i = 0; i < 4; ++i) halves[i] = static_cast<int16_t>(-8 * sums[i]);
    for (int i = 0; i < 2; ++i) groups[i] = -128 * (sums[2 * i] + sums[2 * i + 1]);
  }

  // IEEE 754 binary16, round to nearest even; by scaling with exact powers of two, so that subnormals come out right.
  static float half_to_float(uint16_t h) {
    const uint32_t magnitude = static_cast<uint32_t>(h & 0x7fff) << 13;
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
    if (magnitude >= 0x0f800000U)
      return from_bits(sign | 0x70000000U | magnitude | (magnitude > 0x0f800000U ? 0x400000U : 0U));
    return from_bits(sign | bits(from_bits(magnitude) * from_bits(0x77800000U)));
  }
  static uint16_t float_to_half(float f) {
    const uint32_t sign = (bits(f) >> 16) & 0x8000U;
    const uint32_t magnitude = bits(f) & 0x7fffffffU;
    uint32_t half = 0;
    if (magnitude > 0x7f800000U) {
      half = 0x7e00U | ((magnitude >> 13) & 0x3ffU);
    } else if (magnitude >= 0x477ff000U) {
      half = 0x7c00U;
    } else if (magnitude < 0x38800000U) {
      half = bits(from_bits(magnitude) + 0.5F) - 0x3f000000U;
    } else {
      half = (magnitude - 0x38000000U + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
    }
    return static_cast<uint16_t>(sign | half);
  }
};

}  // namespace
