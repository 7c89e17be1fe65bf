// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace inferbench {

/// Regularized incomplete beta function I_x(a, b), for a, b > 0 and 0 <= x <= 1. Relative error below 1e-12.
double incomplete_beta(double a, double b, double x);

/// P(T <= t) for Student's t with `df` > 0 degrees of freedom.
double student_t_cdf(double t, double df);

/// The t with P(T <= t) = p, for 0 < p < 1. Throws std::invalid_argument for other p.
double student_t_quantile(double p, double df);

}  // namespace inferbench
