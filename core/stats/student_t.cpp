// SPDX-License-Identifier: Apache-2.0
// Student's t from the incomplete beta function. It is the only statistics function that this program needs and the
// standard library lacks, so a page of tested code replaces a build dependency on Boost.Math's headers.
#include "stats/student_t.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <stdexcept>

namespace inferbench {

namespace {

// The continued fraction of DLMF 8.17.22 (https://dlmf.nist.gov/8.17#v), by the modified Lentz method. It converges
// fast for x < (a + 1) / (a + b + 2).
double beta_continued_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr int kMaxTerms = 10000;
  const auto away_from_zero = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double result = d;
  for (int m = 1; m <= kMaxTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    result *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    const double step = d * c;
    result *= step;
    if (std::abs(step - 1) < std::numeric_limits<double>::epsilon()) break;
  }
  return result;
}

// For p > 0.5, by Newton's method from 0. The cdf is concave to the right of 0, so the steps approach the quantile from
// below. Far out in a heavy tail, each step roughly doubles the value.
double quantile_above_median(double p, double df) {
  const double density_at_0 =
      std::exp(std::lgamma((df + 1) / 2) - std::lgamma(df / 2)) / std::sqrt(df * std::numbers::pi);
  constexpr int kMostSteps = 2000;
  double t = 0;
  for (int i = 0; i < kMostSteps; ++i) {
    const double density = density_at_0 * std::pow(1 + t * t / df, -(df + 1) / 2);
    const double next = t + (p - student_t_cdf(t, df)) / density;
    if (!(next > t) || !std::isfinite(next)) break;  // only rounding errors remain
    t = next;
  }
  return t;
}

}  // namespace

double incomplete_beta(double a, double b, double x) {
  if (!(a > 0) || !(b > 0) || !(x >= 0) || !(x <= 1))
    throw std::invalid_argument("incomplete_beta: outside its domain");
  if (x == 0 || x == 1) return x;
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  const double front = std::exp(log_front);
  if (x < (a + 1) / (a + b + 2)) return front * beta_continued_fraction(a, b, x) / a;
  return 1 - front * beta_continued_fraction(b, a, 1 - x) / b;
}

double student_t_cdf(double t, double df) {
  if (!(df > 0)) throw std::invalid_argument("student_t_cdf: degrees of freedom must be positive");
  const double tail = 0.5 * incomplete_beta(df / 2, 0.5, df / (df + t * t));
  return t > 0 ? 1 - tail : tail;
}

double student_t_quantile(double p, double df) {
  if (!(p > 0) || !(p < 1) || !(df > 0)) throw std::invalid_argument("student_t_quantile: outside its domain");
  if (p == 0.5) return 0;
  if (p < 0.5) return -student_t_quantile(1 - p, df);
  // A report needs the same few quantiles for thousands of rows.
  struct Known {
    double p = 0;
    double df = 0;
    double t = 0;
  };
  thread_local std::array<Known, 8> known{};
  thread_local std::size_t oldest = 0;
  for (const Known& one : known) {
    if (one.p == p && one.df == df) return one.t;
  }
  Known& one = known.at(oldest);
  oldest = (oldest + 1) % known.size();
  one = {p, df, quantile_above_median(p, df)};
  return one.t;
}

}  // namespace inferbench
