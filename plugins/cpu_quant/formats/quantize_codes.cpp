// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>

#include "formats/quantize.hpp"

// The search minimises the squared error of the super-block, sum (w - d s_g v)^2, over the scale d, a multiplier s_g
// per group and a code v in -8..7 (4 bits) or -16..15 (5) per weight: a product quantizer of shape and gain, alternated
// as S. P. Lloyd, "Least Squares Quantization in PCM", 1982 does: given steps, the best code is the nearest; given
// codes, the best scale is the least-squares one, d = sum(w q) / sum(q^2) with q = s_g v.

namespace inferbench::cpu_quant {
namespace {

constexpr int kGroups = kSuperBlock / kHalfGroup;
constexpr int kLanes = 4;
constexpr int kVectors = kHalfGroup / kLanes;
constexpr float kRounder = 12582912.0F;  // rounds to nearest even: see quantize_int8.cpp
template <int kBits>
constexpr int kCentre = 1 << (kBits - 1);
template <int kBits>
constexpr float kLeastCode = -kCentre<kBits>;
template <int kBits>
constexpr float kMostCode = kCentre<kBits> - 1;

/// Codes of one vector of weights at a step, as floats around 0.
template <int kBits>
__m128 nearest_codes(__m128 weights, __m128 inverse_step) {
  const __m128 rounder = _mm_set1_ps(kRounder);
  const __m128 rounded = _mm_sub_ps(_mm_add_ps(_mm_mul_ps(weights, inverse_step), rounder), rounder);
  return _mm_min_ps(_mm_max_ps(rounded, _mm_set1_ps(kLeastCode<kBits>)), _mm_set1_ps(kMostCode<kBits>));
}

float sum_of(__m128 v) {
  const __m128 pairs = _mm_add_ps(v, _mm_movehl_ps(v, v));
  return _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
}

/// Squared errors of a group at two steps > 0, with the best codes.
struct Errors {
  float of[2];
};
using GroupErrors = Errors (*)(const float* weights, float first, float second);

template <int kBits>
float group_error(const float* weights, float step) {
  const __m128 inverse = _mm_set1_ps(1.0F / step);
  const __m128 steps = _mm_set1_ps(step);
  __m128 error = _mm_setzero_ps();
  for (int i = 0; i < kVectors; ++i) {
    const __m128 w = _mm_load_ps(weights + i * kLanes);
    const __m128 difference = _mm_sub_ps(w, _mm_mul_ps(steps, nearest_codes<kBits>(w, inverse)));
    error = _mm_add_ps(error, _mm_mul_ps(difference, difference));
  }
  return sum_of(error);
}

template <int kBits>
Errors group_errors(const float* weights, float first, float second) {
  return {{group_error<kBits>(weights, first), group_error<kBits>(weights, second)}};
}

/// The same operations, a step in each half of a register: the same bits.
template <int kBits>
__attribute__((target("avx2"))) Errors group_errors_avx2(const float* weights, float first, float second) {
  const __m256 steps = _mm256_set_m128(_mm_set1_ps(second), _mm_set1_ps(first));
  const __m256 inverse = _mm256_div_ps(_mm256_set1_ps(1.0F), steps);
  const __m256 rounder = _mm256_set1_ps(kRounder);
  __m256 error = _mm256_setzero_ps();
  for (int i = 0; i < kVectors; ++i) {
    const __m128 four = _mm_load_ps(weights + i * kLanes);
    const __m256 w = _mm256_set_m128(four, four);
    const __m256 rounded = _mm256_sub_ps(_mm256_add_ps(_mm256_mul_ps(w, inverse), rounder), rounder);
    const __m256 codes =
        _mm256_min_ps(_mm256_max_ps(rounded, _mm256_set1_ps(kLeastCode<kBits>)), _mm256_set1_ps(kMostCode<kBits>));
    const __m256 difference = _mm256_sub_ps(w, _mm256_mul_ps(steps, codes));
    error = _mm256_add_ps(error, _mm256_mul_ps(difference, difference));
  }
  return {{sum_of(_mm256_castps256_ps128(error)), sum_of(_mm256_extractf128_ps(error, 1))}};
}

/// The step that a group would take if it were free: the best of a few around max |w| / (centre - 0.5).
template <int kBits>
float free_step(const float* weights, GroupErrors errors_at) {
  float most = 0.0F;
  for (int i = 0; i < kHalfGroup; ++i) {
    const float magnitude = std::fabs(weights[i]);
    most = magnitude > most ? magnitude : most;
  }
  if (most < std::numeric_limits<float>::min() * 1024) return 0.0F;
  float best_step = 0.0F;
  float best_error = std::numeric_limits<float>::max();
  constexpr float kReach = kCentre<kBits> - 0.5F;
  for (const float reach : {kReach - 2, kReach - 1, kReach}) {
    const float steps[2] = {most / reach, most / (reach + 0.5F)};
    const Errors errors = errors_at(weights, steps[0], steps[1]);
    for (int i = 0; i < 2; ++i) {
      if (errors.of[i] < best_error) {
        best_error = errors.of[i];
        best_step = steps[i];
      }
    }
  }
  return best_step;
}

/// Best multiplier of a group near its free step, given the scale; adds the error to `total`.
int best_multiplier(const float* weights, float free, float scale, GroupErrors errors_at, float& total) {
  const int low = static_cast<int>(free / scale);
  const int multipliers[2] = {std::clamp(low, 1, 16), std::clamp(low + 1, 1, 16)};
  const Errors errors =
      errors_at(weights, scale * static_cast<float>(multipliers[0]), scale * static_cast<float>(multipliers[1]));
  int best = 1;
  float best_error = std::numeric_limits<float>::max();
  for (int i = 0; i < 2; ++i) {
    if (errors.of[i] < best_error) {
      best_error = errors.of[i];
      best = multipliers[i];
    }
  }
  total += best_error;
  return best;
}

/// The least-squares scale for fixed multipliers, with the codes that `scale` gives.
template <int kBits>
float refit_scale(const float* weights, const int* multipliers, float scale) {
  __m128 numerator = _mm_setzero_ps();
  __m128 denominator = _mm_setzero_ps();
  for (int g = 0; g < kGroups; ++g) {
    const __m128 multiplier = _mm_set1_ps(static_cast<float>(multipliers[g]));
    const __m128 inverse = _mm_set1_ps(1.0F / (scale * static_cast<float>(multipliers[g])));
    for (int i = 0; i < kVectors; ++i) {
      const __m128 w = _mm_load_ps(weights + g * kHalfGroup + i * kLanes);
      const __m128 q = _mm_mul_ps(multiplier, nearest_codes<kBits>(w, inverse));
      numerator = _mm_add_ps(numerator, _mm_mul_ps(w, q));
      denominator = _mm_add_ps(denominator, _mm_mul_ps(q, q));
    }
  }
  const float d = sum_of(denominator);
  const float refit = d > 0.0F ? sum_of(numerator) / d : scale;
  return refit > 0.0F ? refit : scale;
}

template <int kBits>
void fill_codes(const float* weights, const int* multipliers, float scale, CodeBlock& block) {
  block.scale = scale;
  for (int g = 0; g < kGroups; ++g) {
    block.multipliers[g] = static_cast<std::uint8_t>(multipliers[g]);
    const __m128 inverse = _mm_set1_ps(1.0F / (scale * static_cast<float>(multipliers[g])));
    for (int i = 0; i < kVectors; ++i) {
      alignas(16) float codes[kLanes];
      _mm_store_ps(codes, nearest_codes<kBits>(_mm_load_ps(weights + g * kHalfGroup + i * kLanes), inverse));
      for (int lane = 0; lane < kLanes; ++lane) {
        block.codes[g * kHalfGroup + i * kLanes + lane] =
            static_cast<std::uint8_t>(static_cast<int>(codes[lane]) + kCentre<kBits>);
      }
    }
  }
}

template <int kBits>
void fill_zeros(CodeBlock& block) {
  block.scale = 0.0F;
  for (std::uint8_t& code : block.codes) code = kCentre<kBits>;
  for (std::uint8_t& multiplier : block.multipliers) multiplier = 1;
}

}  // namespace

template <int kBits>
void quantize_codes(const float* weights, CodeBlock& block) {
  static const bool kWide = __builtin_cpu_supports("avx2") != 0;
  quantize_codes<kBits>(weights, block, kWide);
}

template <int kBits>
void quantize_codes(const float* weights, CodeBlock& block, bool wide) {
  const GroupErrors errors_at = wide ? group_errors_avx2<kBits> : group_errors<kBits>;
  float steps[kGroups];
  float most = 0.0F;
  for (int g = 0; g < kGroups; ++g) {
    steps[g] = free_step<kBits>(weights + g * kHalfGroup, errors_at);
    most = steps[g] > most ? steps[g] : most;
  }
  if (most == 0.0F) return fill_zeros<kBits>(block);

  int multipliers[kGroups];
  float scale = 0.0F;
  float best = std::numeric_limits<float>::max();
  for (const float factor : {0.82F, 0.88F, 0.94F, 1.0F, 1.06F, 1.14F}) {
    const float candidate = most * factor / 16.0F;
    int trial[kGroups];
    float error = 0.0F;
    for (int g = 0; g < kGroups; ++g) {
      trial[g] = best_multiplier(weights + g * kHalfGroup, steps[g], candidate, errors_at, error);
    }
    if (error < best) {
      best = error;
      scale = candidate;
      for (int g = 0; g < kGroups; ++g) multipliers[g] = trial[g];
    }
  }
  if (scale == 0.0F) return fill_zeros<kBits>(block);  // magnitudes whose squares overflow or vanish
  for (int i = 0; i < 2; ++i) scale = refit_scale<kBits>(weights, multipliers, scale);
  fill_codes<kBits>(weights, multipliers, scale, block);
}

template void quantize_codes<4>(const float* weights, CodeBlock& block);
template void quantize_codes<5>(const float* weights, CodeBlock& block);
template void quantize_codes<4>(const float* weights, CodeBlock& block, bool wide);
template void quantize_codes<5>(const float* weights, CodeBlock& block, bool wide);

}  // namespace inferbench::cpu_quant
