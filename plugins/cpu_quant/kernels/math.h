// SPDX-License-Identifier: Apache-2.0
//
// exp and the activation functions over Vec (vec_*.h). The same operations in the same order on every instruction set:
// the same bits.
#pragma once

#include "kernels.h"

namespace {

using namespace inferbench::cpu_quant;  // NOLINT: this header is part of kernel files only

// e^x for x <= 88, relative error below 2e-7; exactly 0 below -87; 0 for -infinity; a NaN stays one. Above 88: e^88.
// x = n ln 2 + r, |r| <= ln 2 / 2; e^r by its Taylor polynomial of degree 6 with the last coefficients adjusted to the
// interval (Cephes' expf), 2^n by the exponent. ln 2 in two parts keeps r exact.
Vec vec_exp(Vec x) {
  const Vec magic = Vec::set(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer, held in the low bits
  const Vec low = Vec::set(-87.0F);
  const Vec clamped = Vec::min(Vec::set(88.0F), Vec::max(low, x));
  const Vec shifted = Vec::fma(clamped, Vec::set(1.44269504F), magic);
  const Vec n = Vec::sub(shifted, magic);
  Vec r = Vec::fma(n, Vec::set(-0.693359375F), clamped);
  r = Vec::fma(n, Vec::set(2.12194440e-4F), r);
  Vec p = Vec::set(1.9875691500e-4F);
  p = Vec::fma(p, r, Vec::set(1.3981999507e-3F));
  p = Vec::fma(p, r, Vec::set(8.3334519073e-3F));
  p = Vec::fma(p, r, Vec::set(4.1665795894e-2F));
  p = Vec::fma(p, r, Vec::set(1.6666665459e-1F));
  p = Vec::fma(p, r, Vec::set(5.0000001201e-1F));
  p = Vec::fma(p, Vec::mul(r, r), Vec::add(r, Vec::set(1.0F)));
  return Vec::zero_below(Vec::add_exponent(p, shifted), x, low);
}

// Both GELUs: absolute error below 4e-7 max(1, x); exactly 0 below -15, where the true value is under 1e-40, so that
// -infinity gives the limit; a NaN stays one.

// 0.5 x (1 + tanh(u)) = x / (1 + e^(-2u)), u = sqrt(2 / pi) (x + 0.044715 x^3).
inline Vec gelu_tanh(Vec x) {
  constexpr float kFactor = -2.0F * 0.7978845608F;
  const Vec per_x = Vec::fma(Vec::mul(x, x), Vec::set(kFactor * 0.044715F), Vec::set(kFactor));
  const Vec e = vec_exp(Vec::mul(x, per_x));
  return Vec::zero_below(Vec::div(x, Vec::add(e, Vec::set(1.0F))), x, Vec::set(-15.0F));
}

// 0.5 x (1 + erf(x / sqrt 2)). erfc(z) for z >= 0 by Abramowitz and Stegun 7.1.26, absolute error 1.5e-7:
// (a1 t + ... + a5 t^5) e^(-z^2), t = 1 / (1 + 0.3275911 z).
inline Vec gelu_erf(Vec x) {
  const Vec z = Vec::mul(Vec::abs(x), Vec::set(0.70710678F));
  const Vec one = Vec::set(1.0F);
  const Vec t = Vec::div(one, Vec::fma(z, Vec::set(0.3275911F), one));
  Vec p = Vec::set(1.061405429F);
  p = Vec::fma(p, t, Vec::set(-1.453152027F));
  p = Vec::fma(p, t, Vec::set(1.421413741F));
  p = Vec::fma(p, t, Vec::set(-0.284496736F));
  p = Vec::fma(p, t, Vec::set(0.254829592F));
  const Vec erfc = Vec::mul(Vec::mul(p, t), vec_exp(Vec::sub(Vec::set(0.0F), Vec::mul(z, z))));
  const Vec half = Vec::mul(Vec::mul(x, Vec::set(0.5F)), erfc);
  return Vec::zero_below(Vec::if_negative(x, half, Vec::sub(x, half)), x, Vec::set(-15.0F));
}

// x / (1 + e^-x): absolute error below 4e-7 max(1, x); exactly 0 below -87, where the true value is under 2e-36; a NaN
// stays one.
inline Vec silu(Vec x) {
  const Vec e = vec_exp(Vec::sub(Vec::set(0.0F), x));
  return Vec::zero_below(Vec::div(x, Vec::add(e, Vec::set(1.0F))), x, Vec::set(-87.0F));
}

// Relative error below 3e-7; a NaN stays one. Near 0 by a polynomial (Cephes' tanhf), as 1 - 2 / (e^2x + 1) loses
// digits there.
inline Vec vec_tanh(Vec x) {
  const Vec size = Vec::abs(x);
  const Vec square = Vec::mul(x, x);
  Vec p = Vec::set(-5.70498872745e-3F);
  p = Vec::fma(p, square, Vec::set(2.06390887954e-2F));
  p = Vec::fma(p, square, Vec::set(-5.37397155531e-2F));
  p = Vec::fma(p, square, Vec::set(1.33314422036e-1F));
  p = Vec::fma(p, square, Vec::set(-3.33332819422e-1F));
  const Vec near = Vec::fma(Vec::mul(p, square), x, x);
  const Vec one = Vec::set(1.0F);
  const Vec e = vec_exp(Vec::add(size, size));
  const Vec far = Vec::sub(one, Vec::div(Vec::set(2.0F), Vec::add(e, one)));
  const Vec signed_far = Vec::if_negative(x, Vec::sub(Vec::set(0.0F), far), far);
  return Vec::if_negative(Vec::sub(size, Vec::set(0.625F)), near, signed_far);
}

// cap * tanh(x / cap).
inline Vec soft_capped(Vec x, Vec cap) {
  return Vec::mul(cap, vec_tanh(Vec::div(x, cap)));
}

// max(x, 0); a NaN stays one.
inline Vec relu(Vec x) {
  return Vec::max(Vec::set(0.0F), x);
}

}  // namespace
