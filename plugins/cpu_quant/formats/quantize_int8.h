// SPDX-License-Identifier: Apache-2.0
//
// Weights of 8 bits, over Lanes (lanes_*.h): a group of 32 weights in each lane. Two levels of symmetric scales; within
// a step the error is uniform, step^2 / 12 (W. R. Bennett, "Spectra of Quantized Signals", 1948).
#pragma once

#include "formats/quantize.hpp"

namespace {

using namespace inferbench::cpu_quant;  // NOLINT: this header is part of two files only

constexpr float kMostValue = 127.0F;
constexpr float kMostMultiplier = 255.0F;

// Multipliers tried, from the least that clips no weight on. The step grows by little, while the squared error of 32
// roundings scatters by a sixth, so the best of a few is well below the first.
constexpr int kMultipliersTried = 4;

/// Squared errors of groups, in steps; `inverse` is 1 / step.
inline Lanes errors_in_steps(const Lanes (&w)[kScaleGroup], Lanes inverse) {
  Lanes sum[4];
  for (int i = 0; i < kScaleGroup; ++i) {
    const Lanes exact = Lanes::mul(w[i], inverse);
    const Lanes error = Lanes::sub(exact, Lanes::round(exact));
    const Lanes square = Lanes::mul(error, error);
    sum[i % 4] = i < 4 ? square : Lanes::add(sum[i % 4], square);
  }
  return Lanes::add(Lanes::add(sum[0], sum[2]), Lanes::add(sum[1], sum[3]));
}

/// Multipliers of as many groups as there are lanes, and the inverses of their steps; 0 for weights that are as good as
/// zero.
inline void find_multipliers(const float* weights, float scale, float* multipliers, float* inverses) {
  Lanes w[kScaleGroup];
  for (int i = 0; i < kScaleGroup; i += 4) Lanes::load_columns(weights + i, kScaleGroup, w + i);
  const Lanes zero = Lanes::set(0.0F);
  const Lanes one = Lanes::set(1.0F);
  const Lanes scales = Lanes::set(scale);
  Lanes most = zero;
  for (const Lanes& weight : w) most = Lanes::max(Lanes::abs(weight), most);

  const Lanes needed =
      Lanes::min(Lanes::div(Lanes::div(most, Lanes::set(kMostValue)), scales), Lanes::set(kMostMultiplier));
  const Lanes below = Lanes::truncate(needed);
  const Lanes least = Lanes::max(Lanes::select(Lanes::less(below, needed), Lanes::add(below, one), below), one);
  Lanes best = least;
  Lanes best_error = zero;
  for (int i = 0; i < kMultipliersTried; ++i) {
    const Lanes multiplier = Lanes::add(least, Lanes::set(static_cast<float>(i)));
    const Lanes inverse = Lanes::div(one, Lanes::mul(scales, multiplier));
    const Lanes error = Lanes::mul(Lanes::mul(errors_in_steps(w, inverse), multiplier), multiplier);
    const Lanes fits = Lanes::less(multiplier, Lanes::set(kMostMultiplier + 1));
    const Lanes better = Lanes::both(Lanes::less(error, best_error), fits);
    best = i == 0 ? best : Lanes::select(better, multiplier, best);
    best_error = i == 0 ? error : Lanes::select(better, error, best_error);
  }
  const Lanes is_small = Lanes::less(Lanes::div(one, Lanes::mul(scales, least)), Lanes::set(1e38F));
  const Lanes counts = Lanes::both(is_small, Lanes::less(zero, most));
  Lanes::select(counts, best, zero).store(multipliers);
  Lanes::select(counts, Lanes::div(one, Lanes::mul(scales, best)), zero).store(inverses);
}

/// Values of a group at the inverse of its step.
inline void fill_values(const float* weights, float inverse, int8_t* values) {
  const __m128 limit = _mm_set1_ps(kMostValue);  // for the last bit of the largest weight only
  for (int i = 0; i < kScaleGroup; i += 16) {
    __m128i rounded[4];
    for (int j = 0; j < 4; ++j) {
      const __m128 exact = _mm_mul_ps(_mm_loadu_ps(weights + i + 4 * j), _mm_set1_ps(inverse));
      const __m128 clamped = _mm_max_ps(_mm_min_ps(exact, limit), _mm_sub_ps(_mm_setzero_ps(), limit));
      rounded[j] = _mm_cvtps_epi32(clamped);  // nearest even, as the default of the processor is
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(values + i),
                     _mm_packs_epi16(_mm_packs_epi32(rounded[0], rounded[1]), _mm_packs_epi32(rounded[2], rounded[3])));
  }
}

inline void quantize_int8(const float* weights, float scale, Int8Block& block) {
  constexpr int kBlockGroups = kSuperBlock / kScaleGroup;
  float multipliers[kBlockGroups] = {};
  float inverses[kBlockGroups] = {};
  for (int first = 0; scale > 0.0F && first < kBlockGroups; first += Lanes::kCount) {
    find_multipliers(weights + first * kScaleGroup, scale, multipliers + first, inverses + first);
  }
  for (int g = 0; g < kBlockGroups; ++g) {
    block.multipliers[g] = static_cast<uint8_t>(multipliers[g]);
    fill_values(weights + g * kScaleGroup, inverses[g], block.values + g * kScaleGroup);
  }
}

}  // namespace
