// SPDX-License-Identifier: Apache-2.0
// The MLP's activations, and the product with the gate, element by element, in place.
#include "kernels/kernel_functions.hpp"
#include "kernels/vec.hpp"

namespace inferbench::cpu_ref {
namespace {

// 0.5 x (1 + tanh(u)) = x / (1 + e^(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3).
INFERBENCH_INLINE Vec gelu_tanh_of(Vec x) {
  const Vec cubic = madd(mul(x, x), set1(0.044715F), set1(1.0F));
  const Vec minus_2u = mul(mul(x, set1(-2.0F * 0.7978845608028654F)), cubic);
  return div(x, add(set1(1.0F), exp(minus_2u)));
}

// x Phi(x), with Phi(-|x|) = erfc(z) / 2 = e^(-z^2) erfcx(z) / 2, z = |x| / sqrt(2).
// erfcx(z) = t P(t), t = 1 / (1 + 0.4 z): a minimax fit of degree 9 over 0 <= z <= 9.3, relative error 6.3e-9. Beyond
// 9.3, and where exp() stops at -87.3, the product is below 1e-37 |x|.
INFERBENCH_INLINE Vec gelu_erf_of(Vec x) {
  const Vec z = min(set1(9.3F), mul(abs(x), set1(0.7071067811865476F)));
  const Vec t = div(set1(1.0F), madd(z, set1(0.4F), set1(1.0F)));
  Vec p = set1(-0.03100815146F);
  p = madd(p, t, set1(0.2057383201F));
  p = madd(p, t, set1(-0.5171014528F));
  p = madd(p, t, set1(0.5720150724F));
  p = madd(p, t, set1(-0.3049882774F));
  p = madd(p, t, set1(0.2832445851F));
  p = madd(p, t, set1(0.1257720403F));
  p = madd(p, t, set1(0.215767025F));
  p = madd(p, t, set1(0.2248485275F));
  p = madd(p, t, set1(0.2257123176F));
  const Vec tail = mul(mul(mul(p, t), exp(mul(z, sub(set1(0.0F), z)))), set1(0.5F));
  return mul(x, select_less(x, set1(0.0F), tail, sub(set1(1.0F), tail)));
}

INFERBENCH_INLINE Vec relu_of(Vec x) {
  return max(set1(0.0F), x);
}

// x / (1 + e^(-x)); far below zero, where exp() stops at e^88.3, the result is below 1e-37 |x|.
INFERBENCH_INLINE Vec silu_of(Vec x) {
  return div(x, add(set1(1.0F), exp(sub(set1(0.0F), x))));
}

// A partial vector at the end goes through a copy, so that every element is computed alike.
template <Vec (*kFunction)(Vec)>
INFERBENCH_INLINE void apply(float* x, int64_t n) {
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) store(x + i, kFunction(load(x + i)));
  if (whole == n) return;
  float rest[kLanes] = {};
  for (int64_t i = whole; i < n; ++i) rest[i - whole] = x[i];
  store(rest, kFunction(load(rest)));
  for (int64_t i = whole; i < n; ++i) x[i] = rest[i - whole];
}

}  // namespace

namespace INFERBENCH_ISA {

void gelu_tanh(float* x, int64_t n) {
  apply<gelu_tanh_of>(x, n);
}
void gelu_erf(float* x, int64_t n) {
  apply<gelu_erf_of>(x, n);
}
void relu(float* x, int64_t n) {
  apply<relu_of>(x, n);
}
void silu(float* x, int64_t n) {
  apply<silu_of>(x, n);
}
void multiply_by(float* x, const float* factors, int64_t n) {
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) store(x + i, mul(load(x + i), load(factors + i)));
  for (int64_t i = whole; i < n; ++i) x[i] *= factors[i];
}

}  // namespace INFERBENCH_ISA
}  // namespace inferbench::cpu_ref
