// SPDX-License-Identifier: Apache-2.0
#include "conformance/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace inferbench::conformance {

namespace {

template <typename T>
double deviation(std::span<const T> values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const T value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / n);
}

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

}  // namespace

bool Check::expect(bool good, const std::string& what) {
  if (!good) findings_.push_back(what);
  return good;
}

bool Check::expect_equal(long long found, long long expected, const std::string& what) {
  return expect(found == expected, fmt::format("{}: {}, not {}", what, found, expected));
}

void Check::expect_near(std::span<const float> expected, std::span<const float> found, const std::string& what) {
  if (subject_.tolerance.rounding == 0) return expect_same(expected, found, what);
  if (!expect_equal(static_cast<long long>(found.size()), static_cast<long long>(expected.size()), what)) return;
  if (!expect(all_finite(found), what + ": a value is not finite")) return;
  double greatest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    greatest = std::max(greatest, std::abs(double{found[i]} - double{expected[i]}));
  }
  const double relative = greatest / deviation(expected);
  expect(relative <= subject_.tolerance.rounding,
         fmt::format("{}: logits differ by {:.3g} of their standard deviation, more than the {:.3g} of rounding", what,
                     relative, subject_.tolerance.rounding));
}

void Check::expect_same(std::span<const float> expected, std::span<const float> found, const std::string& what) {
  if (!expect_equal(static_cast<long long>(found.size()), static_cast<long long>(expected.size()), what)) return;
  if (std::memcmp(expected.data(), found.data(), expected.size_bytes()) == 0) return;
  const auto at = std::mismatch(expected.begin(), expected.end(), found.begin()).first - expected.begin();
  const auto index = static_cast<std::size_t>(at);
  expect(false,
         fmt::format("{}: not the same bits: value {} is {:.9g}, not {:.9g}", what, at, found[index], expected[index]));
}

void Check::expect_logits(std::span<const double> expected, std::span<const float> found, const std::string& what) {
  if (!expect_equal(static_cast<long long>(found.size()), static_cast<long long>(expected.size()), what)) return;
  if (!expect(all_finite(found), what + ": a logit is not finite")) return;
  double squares = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) squares += (found[i] - expected[i]) * (found[i] - expected[i]);
  const double relative = std::sqrt(squares / static_cast<double>(expected.size())) / deviation(expected);
  expect(relative <= subject_.tolerance.numerics,
         fmt::format("{}: logits are off by {:.3g} of their standard deviation (root mean square), more than the "
                     "{:.3g} that {} may be",
                     what, relative, subject_.tolerance.numerics, subject_.precision));
}

std::vector<float> row_of(const std::vector<float>& logits, std::size_t row, std::int32_t vocab) {
  const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(row) * vocab;
  return {begin, begin + vocab};
}

std::vector<std::int32_t> part(const std::vector<std::int32_t>& ids, std::size_t begin, std::size_t end) {
  return {ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace inferbench::conformance
