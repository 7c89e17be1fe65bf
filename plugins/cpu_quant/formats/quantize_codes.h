// SPDX-License-Identifier: Apache-2.0
//
// Codes of 4 and 5 bits, over Lanes (lanes_*.h): a group of 16 weights in each lane, so that all registers do the same
// and none is summed up across.
//
// The search minimises the squared error of the super-block, sum (w - d s_g v)^2, over the scale d, a multiplier s_g
// per group and a code v in -8..7 (4 bits) or -16..15 (5) per weight: a product quantizer of shape and gain, alternated
// as S. P. Lloyd, "Least Squares Quantization in PCM", 1982 does: given steps, the best code is the nearest; given
// codes, the best scale is the least-squares one, d = sum(w q) / sum(q^2) with q = s_g v.
#pragma once

#include "formats/quantize.hpp"

namespace {

using namespace inferbench::cpu_quant;  // NOLINT: this header is part of two files only

constexpr int kGroups = kSuperBlock / kHalfGroup;
constexpr int kQuad = 4;  // floats of a register that holds weights of one group
constexpr float kMostFloat = 3.402823466e38F;
constexpr float kLeastNormal = 1.175494351e-38F;
// Scales tried, as fractions of the one that gives the largest group the multiplier 16.
constexpr float kFactors[] = {0.82F, 0.88F, 0.94F, 1.0F, 1.06F, 1.14F};
constexpr int kTrials = static_cast<int>(sizeof(kFactors) / sizeof(kFactors[0]));

template <int kBits>
constexpr int kCentre = 1 << (kBits - 1);

/// The best codes at a step, as floats around 0. kReached: no weight is below the least code.
template <int kBits, bool kReached>
Lanes nearest_codes(Lanes weights, Lanes inverse_step) {
  constexpr float kLeast = -kCentre<kBits>;
  constexpr float kMost = kCentre<kBits> - 1;
  const Lanes rounded = Lanes::round(Lanes::mul(weights, inverse_step));
  return Lanes::min(kReached ? rounded : Lanes::max(rounded, Lanes::set(kLeast)), Lanes::set(kMost));
}

/// Groups of a super-block, one in each lane.
struct LaneGroups {
  Lanes w[kHalfGroup];

  explicit LaneGroups(const float* weights) {
    for (int i = 0; i < kHalfGroup; i += kQuad) Lanes::load_columns(weights + i, kHalfGroup, w + i);
  }

  /// Squared errors at a step > 0, with the best codes. kReached: see nearest_codes.
  template <int kBits, bool kReached = false>
  [[nodiscard]] Lanes errors(Lanes step) const {
    const Lanes inverse = Lanes::div(Lanes::set(1.0F), step);
    Lanes sum[kQuad];
    for (int i = 0; i < kHalfGroup; ++i) {
      const Lanes difference = Lanes::sub(w[i], Lanes::mul(step, nearest_codes<kBits, kReached>(w[i], inverse)));
      const Lanes square = Lanes::mul(difference, difference);
      sum[i % kQuad] = i < kQuad ? square : Lanes::add(sum[i % kQuad], square);
    }
    return Lanes::add(Lanes::add(sum[0], sum[2]), Lanes::add(sum[1], sum[3]));
  }

  /// The step that a group would take if it were free: the best of a few around max |w| / (centre - 0.5); 0 for weights
  /// that are as good as zero.
  template <int kBits>
  [[nodiscard]] Lanes free_steps() const {
    Lanes most = Lanes::set(0.0F);
    for (const Lanes& weight : w) most = Lanes::max(Lanes::abs(weight), most);
    Lanes best_step = Lanes::set(0.0F);
    Lanes best_error = Lanes::set(kMostFloat);
    constexpr float kReach = kCentre<kBits> - 0.5F;
    for (int i = 0; i < 6; ++i) {
      const Lanes step = Lanes::div(most, Lanes::set(kReach - 2.0F + 0.5F * static_cast<float>(i)));
      const Lanes error = errors<kBits, true>(step);  // at most kReach + 0.5, the centre
      const Lanes better = Lanes::less(error, best_error);
      best_error = Lanes::select(better, error, best_error);
      best_step = Lanes::select(better, step, best_step);
    }
    return Lanes::select(Lanes::less(most, Lanes::set(kLeastNormal * 1024)), Lanes::set(0.0F), best_step);
  }

  /// The best multipliers near the free steps, given the scale, and the errors with them.
  template <int kBits>
  void best_multipliers(Lanes free, float scale, float* multipliers, float* group_errors) const {
    const Lanes low = Lanes::truncate(Lanes::div(free, Lanes::set(scale)));
    Lanes best = Lanes::set(1.0F);
    Lanes best_error = Lanes::set(kMostFloat);
    for (int i = 0; i < 2; ++i) {
      const Lanes near = Lanes::add(low, Lanes::set(static_cast<float>(i)));
      const Lanes multiplier = Lanes::min(Lanes::max(near, Lanes::set(1.0F)), Lanes::set(16.0F));
      const Lanes error = errors<kBits>(Lanes::mul(Lanes::set(scale), multiplier));
      const Lanes better = Lanes::less(error, best_error);
      best_error = Lanes::select(better, error, best_error);
      best = Lanes::select(better, multiplier, best);
    }
    best.store(multipliers);
    best_error.store(group_errors);
  }
};

template <int kBits>
__m128 nearest_quad(__m128 weights, __m128 inverse_step) {
  const __m128 rounder = _mm_set1_ps(12582912.0F);  // see Lanes::round
  const __m128 rounded = _mm_sub_ps(_mm_add_ps(_mm_mul_ps(weights, inverse_step), rounder), rounder);
  return _mm_min_ps(_mm_max_ps(rounded, _mm_set1_ps(-kCentre<kBits>)), _mm_set1_ps(kCentre<kBits> - 1));
}

inline float sum_of(__m128 v) {
  const __m128 pairs = _mm_add_ps(v, _mm_movehl_ps(v, v));
  return _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1)));
}

/// The least-squares scale for fixed multipliers, with the codes that `scale` gives.
template <int kBits>
float refit_scale(const float* weights, const float* multipliers, float scale) {
  __m128 numerator = _mm_setzero_ps();
  __m128 denominator = _mm_setzero_ps();
  for (int g = 0; g < kGroups; ++g) {
    const __m128 multiplier = _mm_set1_ps(multipliers[g]);
    const __m128 inverse = _mm_set1_ps(1.0F / (scale * multipliers[g]));
    for (int i = 0; i < kHalfGroup; i += kQuad) {
      const __m128 w = _mm_loadu_ps(weights + g * kHalfGroup + i);
      const __m128 q = _mm_mul_ps(multiplier, nearest_quad<kBits>(w, inverse));
      numerator = _mm_add_ps(numerator, _mm_mul_ps(w, q));
      denominator = _mm_add_ps(denominator, _mm_mul_ps(q, q));
    }
  }
  const float d = sum_of(denominator);
  const float refit = d > 0.0F ? sum_of(numerator) / d : scale;
  return refit > 0.0F ? refit : scale;
}

template <int kBits>
void fill_codes(const float* weights, const float* multipliers, float scale, CodeBlock& block) {
  block.scale = scale;
  for (int g = 0; g < kGroups; ++g) {
    block.multipliers[g] = static_cast<uint8_t>(multipliers[g]);
    const __m128 inverse = _mm_set1_ps(1.0F / (scale * multipliers[g]));
    __m128i codes[kHalfGroup / kQuad];
    for (int i = 0; i < kHalfGroup / kQuad; ++i) {
      const __m128 w = _mm_loadu_ps(weights + g * kHalfGroup + i * kQuad);
      codes[i] = _mm_cvttps_epi32(nearest_quad<kBits>(w, inverse));
    }
    const __m128i bytes = _mm_packs_epi16(_mm_packs_epi32(codes[0], codes[1]), _mm_packs_epi32(codes[2], codes[3]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(block.codes + g * kHalfGroup),
                     _mm_add_epi8(bytes, _mm_set1_epi8(kCentre<kBits>)));
  }
}

template <int kBits>
void fill_zeros(CodeBlock& block) {
  block.scale = 0.0F;
  for (uint8_t& code : block.codes) code = kCentre<kBits>;
  for (uint8_t& multiplier : block.multipliers) multiplier = 1;
}

/// The trial with the least error; kTrials where none has one: magnitudes whose squares overflow or vanish.
inline int best_trial(const float (&errors)[kTrials][kGroups]) {
  float total[kTrials] = {};
  for (int g = 0; g < kGroups; ++g) {
    for (int i = 0; i < kTrials; ++i) total[i] += errors[i][g];
  }
  float least = kMostFloat;
  int best = kTrials;
  for (int i = 0; i < kTrials; ++i) {
    if (total[i] < least) {
      least = total[i];
      best = i;
    }
  }
  return best;
}

template <int kBits>
void quantize_codes(const float* weights, CodeBlock& block) {
  constexpr int kParts = kGroups / Lanes::kCount;
  float steps[kGroups];
  for (int part = 0; part < kParts; ++part) {
    const LaneGroups groups(weights + part * Lanes::kCount * kHalfGroup);
    groups.free_steps<kBits>().store(steps + part * Lanes::kCount);
  }
  float most = 0.0F;
  for (const float step : steps) most = step > most ? step : most;
  if (most == 0.0F) return fill_zeros<kBits>(block);

  float multipliers[kTrials][kGroups];
  float errors[kTrials][kGroups];
  for (int first = 0; first < kGroups; first += Lanes::kCount) {
    const LaneGroups groups(weights + first * kHalfGroup);
    const Lanes free = Lanes::load(steps + first);
    for (int i = 0; i < kTrials; ++i) {
      groups.best_multipliers<kBits>(free, most * kFactors[i] / 16.0F, multipliers[i] + first, errors[i] + first);
    }
  }
  const int best = best_trial(errors);
  if (best == kTrials) return fill_zeros<kBits>(block);
  float scale = most * kFactors[best] / 16.0F;
  if (scale == 0.0F) return fill_zeros<kBits>(block);
  for (int i = 0; i < 2; ++i) scale = refit_scale<kBits>(weights, multipliers[best], scale);
  fill_codes<kBits>(weights, multipliers[best], scale, block);
}

}  // namespace
