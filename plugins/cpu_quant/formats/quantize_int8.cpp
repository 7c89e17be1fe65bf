// SPDX-License-Identifier: Apache-2.0
#include <emmintrin.h>

#include <algorithm>
#include <cmath>

#include "formats/quantize.hpp"

namespace inferbench::cpu_quant {
namespace {

constexpr float kMostValue = 127.0F;
constexpr float kMostMultiplier = 255.0F;
constexpr int kLanes = 4;
constexpr int kVectors = kScaleGroup / kLanes;

// Multipliers tried, from the least that clips no weight on. The step grows by little, while the squared error of 32
// roundings scatters by a sixth, so the best of a few is well below the first.
constexpr int kTrials = 4;

// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, ties to even, for magnitudes below 2^22.
constexpr float kRounder = 12582912.0F;

__m128 rounded(__m128 values) {
  const __m128 rounder = _mm_set1_ps(kRounder);
  return _mm_sub_ps(_mm_add_ps(values, rounder), rounder);
}

float largest(const float* weights) {
  const __m128 magnitude = _mm_castsi128_ps(_mm_set1_epi32(0x7fffffff));
  __m128 most = _mm_setzero_ps();
  for (int i = 0; i < kVectors; ++i) most = _mm_max_ps(most, _mm_and_ps(magnitude, _mm_load_ps(weights + i * kLanes)));
  most = _mm_max_ps(most, _mm_movehl_ps(most, most));
  return _mm_cvtss_f32(_mm_max_ss(most, _mm_shuffle_ps(most, most, 1)));
}

/// Squared error of the group, in steps; `inverse` is 1 / step.
float error_in_steps(const float* weights, float inverse) {
  __m128 sum = _mm_setzero_ps();
  for (int i = 0; i < kVectors; ++i) {
    const __m128 exact = _mm_mul_ps(_mm_load_ps(weights + i * kLanes), _mm_set1_ps(inverse));
    const __m128 error = _mm_sub_ps(exact, rounded(exact));
    sum = _mm_add_ps(sum, _mm_mul_ps(error, error));
  }
  sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
  return _mm_cvtss_f32(_mm_add_ss(sum, _mm_shuffle_ps(sum, sum, 1)));
}

/// The multiplier with the least squared error.
float best_multiplier(const float* weights, float least, float scale) {
  float best = least;
  float best_error = 0.0F;
  for (int i = 0; i < kTrials; ++i) {
    const float multiplier = least + static_cast<float>(i);
    if (multiplier > kMostMultiplier) break;
    const float error = error_in_steps(weights, 1.0F / (scale * multiplier)) * multiplier * multiplier;
    if (i == 0 || error < best_error) {
      best = multiplier;
      best_error = error;
    }
  }
  return best;
}

}  // namespace

// Two levels of symmetric scales. Within a step the error is uniform, step^2 / 12 (W. R. Bennett, "Spectra of Quantized
// Signals", 1948).
float int8_channel_scale(float most) {
  return most / (kMostValue * kMostMultiplier);
}

void quantize_int8(const float* weights, float scale, Int8Group& group) {
  const float most = largest(weights);
  float multiplier = 0.0F;
  float inverse = 0.0F;
  if (most > 0.0F && scale > 0.0F) {
    const float least = std::clamp(std::ceil(most / kMostValue / scale), 1.0F, kMostMultiplier);
    if (1.0F / (scale * least) < 1e38F) {  // else weights so small that they are as good as zero
      multiplier = best_multiplier(weights, least, scale);
      inverse = 1.0F / (scale * multiplier);
    }
  }
  group.multiplier = static_cast<std::uint8_t>(multiplier);
  const __m128 limit = _mm_set1_ps(kMostValue);  // for the last bit of the largest weight only
  for (int i = 0; i < kVectors; i += 4) {
    __m128i values[4];
    for (int j = 0; j < 4; ++j) {
      const __m128 exact = _mm_mul_ps(_mm_load_ps(weights + (i + j) * kLanes), _mm_set1_ps(inverse));
      const __m128 clamped = _mm_max_ps(_mm_min_ps(exact, limit), _mm_sub_ps(_mm_setzero_ps(), limit));
      values[j] = _mm_cvtps_epi32(clamped);  // nearest even, as the default of the processor is
    }
    const __m128i bytes = _mm_packs_epi16(_mm_packs_epi32(values[0], values[1]), _mm_packs_epi32(values[2], values[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(group.values + i * kLanes), bytes);
  }
}

}  // namespace inferbench::cpu_quant
