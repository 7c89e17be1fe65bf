// SPDX-License-Identifier: Apache-2.0
// cap * tanh(scale * x / cap), element by element, in place.
#include "kernels/kernel_functions.hpp"
#include "kernels/vec.hpp"

namespace inferbench::cpu_ref {
namespace {

// Below 0.625 an odd polynomial (coefficients of Cephes' tanhf), where the other form would cancel; above, with the
// sign of x, 1 - 2 / (e^(2 |x|) + 1).
INFERBENCH_INLINE Vec tanh_of(Vec x) {
  const Vec square = mul(x, x);
  Vec p = set1(-5.70498872745e-3F);
  p = madd(p, square, set1(2.06390887954e-2F));
  p = madd(p, square, set1(-5.37397155531e-2F));
  p = madd(p, square, set1(1.33314422036e-1F));
  p = madd(p, square, set1(-3.33332819422e-1F));
  const Vec small = madd(mul(p, square), x, x);
  const Vec size = abs(x);
  const Vec large = sub(set1(1.0F), div(set1(2.0F), add(exp(add(size, size)), set1(1.0F))));
  const Vec signed_large = select_less(x, set1(0.0F), sub(set1(0.0F), large), large);
  return select_less(size, set1(0.625F), small, signed_large);
}

INFERBENCH_INLINE Vec capped(Vec x, Vec into_tanh, Vec cap) {
  return mul(cap, tanh_of(mul(x, into_tanh)));
}

}  // namespace

namespace INFERBENCH_ISA {

void soft_cap(float* x, int64_t n, float scale, float cap) {
  const Vec into_tanh = set1(scale / cap);
  const Vec caps = set1(cap);
  const int64_t whole = n / kLanes * kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) store(x + i, capped(load(x + i), into_tanh, caps));
  if (whole == n) return;
  float rest[kLanes] = {};  // so that every element is computed alike
  for (int64_t i = whole; i < n; ++i) rest[i - whole] = x[i];
  store(rest, capped(load(rest), into_tanh, caps));
  for (int64_t i = whole; i < n; ++i) x[i] = rest[i - whole];
}

}  // namespace INFERBENCH_ISA
}  // namespace inferbench::cpu_ref
