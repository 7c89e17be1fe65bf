// SPDX-License-Identifier: Apache-2.0
#include "ops/operator_error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace inferbench {

namespace {

struct Tolerance {
  int bits;
  OperatorError error;
};

// For uniform values, rounding to b bits (2^b - 1 steps over +-amplitude) causes a relative error of 1 / (2^b - 1) root
// mean square: 0.4% at 8 bits, 6.7% at 4. The error grows with the ratio of a row's largest value to its root mean
// square. That ratio is 1.7 for uniform values and about 6 after an activation function, so one scale for an entire row
// of activations causes 1.4% at 8 bits, and 2.8% on hardware that can use only 7 bits. The worst of a million normal
// values is 5 times that, so 14% for an MLP; the tolerance adds another half. 4-bit weights: 6.7%, two products in
// sequence 9.5%, worst value 47%. In fp32, a sum of n products has an error of at most n 2^-24 of their magnitudes,
// which are sqrt(n) times the result: n = 4096 in order gives 1.6e-5 if all roundings went the same way. 16-bit formats
// round to 2^-9 (bf16).
//
// The root mean square distinguishes a bug from rounding: its tolerances are the 2.8% and 9.5% above plus another half.
// A missing bias of a linear layer causes 5% and more.
constexpr std::array<Tolerance, 4> kTolerances{
    {{32, {2e-5, 4e-6}}, {16, {0.03, 0.006}}, {8, {0.2, 0.042}}, {4, {0.7, 0.15}}}};

}  // namespace

OperatorError operator_error(std::span<const float> result, std::span<const double> reference) {
  double squares = 0;
  double error_squares = 0;
  double most = 0;
  bool finite = true;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const double difference = std::abs(double{result[i]} - reference[i]);
    finite = finite && std::isfinite(difference);
    most = std::max(most, difference);
    error_squares += difference * difference;
    squares += reference[i] * reference[i];
  }
  if (!finite) return {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  const auto n = static_cast<double>(reference.size());
  const double scale = squares > 0 ? std::sqrt(squares / n) : 1;
  return {most / scale, std::sqrt(error_squares / n) / scale};
}

std::optional<OperatorError> operator_tolerance(std::int32_t weight_bits, bool gated) {
  // The gate's product and the up projection's are multiplied: three rounded products in a row instead of two, whose
  // errors add as squares.
  const double factor = gated ? std::sqrt(3.0 / 2.0) : 1.0;
  for (const Tolerance& row : kTolerances) {
    if (row.bits <= weight_bits) return OperatorError{factor * row.error.max, factor * row.error.rms};
  }
  return std::nullopt;
}

}  // namespace inferbench
