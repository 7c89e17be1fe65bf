// SPDX-License-Identifier: Apache-2.0
#include "conformance/check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "support/counted.hpp"

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

// Marks the rows of two blocks of logits for which `differ` is true; empty if the width of the rows is unknown.
template <typename T, typename Differ>
std::vector<bool> bad_rows(std::span<const T> expected, std::span<const float> found, Rows rows, const Differ& differ) {
  std::vector<bool> is_bad;
  const auto width = static_cast<std::size_t>(rows.vocab);
  for (std::size_t begin = 0; width > 0 && begin + width <= expected.size(); begin += width) {
    is_bad.push_back(differ(expected.subspan(begin, width), found.subspan(begin, width)));
  }
  return is_bad;
}

}  // namespace

bool Check::expect(bool good, const std::string& what) {
  ++n_tried_;
  if (!good) findings_.push_back(scene_ + what);
  return good;
}

bool Check::expect_equal(long long found, long long expected, const std::string& what) {
  return expect(found == expected, fmt::format("{}: got {}, expected {}", what, found, expected));
}

std::string Check::note_positions(const std::vector<bool>& is_bad, Rows rows) {
  const auto begin = std::find(is_bad.begin(), is_bad.end(), true);
  if (begin == is_bad.end()) return {};
  const auto n_bad = std::count(is_bad.begin(), is_bad.end(), true);
  const auto first = rows.first + static_cast<std::int32_t>(begin - is_bad.begin());
  first_bad_position_ = std::min(first, first_bad_position_.value_or(first));
  if (n_bad == is_bad.end() - is_bad.begin()) return is_bad.size() > 1 ? "; wrong at every position" : "";
  if (n_bad == is_bad.end() - begin && begin != is_bad.begin()) {
    return fmt::format("; right up to position {}, wrong from {} on", first - 1, first);
  }
  return fmt::format("; wrong at {} of {}, first at {}", n_bad, counted(is_bad.size(), "position"), first);
}

void Check::expect_near(std::span<const float> expected, std::span<const float> found, const std::string& what,
                        Rows rows) {
  if (subject_.tolerance.rounding == 0) return expect_same(expected, found, what, rows);
  if (!expect_equal(static_cast<long long>(found.size()), static_cast<long long>(expected.size()), what)) return;
  const double unit = deviation(expected);
  const auto differ = [&](std::span<const float> one, std::span<const float> other) {
    double greatest = 0;
    for (std::size_t i = 0; i < one.size(); ++i) {
      const double difference = std::abs(double{other[i]} - double{one[i]});
      greatest = difference <= greatest ? greatest : difference;  // keeps a NaN
    }
    return greatest / unit;
  };
  const double most = subject_.tolerance.rounding;
  const double relative = differ(expected, found);
  const bool finite = all_finite(found);
  if (finite && relative <= most) return void(expect(true, what));
  const std::string where = note_positions(
      bad_rows(expected, found, rows, [&](auto one, auto other) { return !(differ(one, other) <= most); }), rows);
  if (!finite) return void(expect(false, what + ": a value is not finite" + where));
  expect(false,
         fmt::format("{}: logits differ by {:.3g} of their standard deviation; rounding may cause at most {:.3g}{}",
                     what, relative, most, where));
}

void Check::expect_same(std::span<const float> expected, std::span<const float> found, const std::string& what,
                        Rows rows) {
  if (!expect_equal(static_cast<long long>(found.size()), static_cast<long long>(expected.size()), what)) return;
  const auto differ = [](std::span<const float> one, std::span<const float> other) {
    return std::memcmp(one.data(), other.data(), one.size_bytes()) != 0;
  };
  if (!differ(expected, found)) return void(expect(true, what));
  const auto at = std::mismatch(expected.begin(), expected.end(), found.begin()).first - expected.begin();
  const auto index =
      std::min(static_cast<std::size_t>(at), found.size() - 1);  // NaN, or zeros of opposite sign: no mismatch
  const std::string where = note_positions(bad_rows(expected, found, rows, differ), rows);
  expect(false, fmt::format("{}: value {} is {:.9g}, expected {:.9g} (bit-exact required){}", what, index, found[index],
                            expected[index], where));
}

void Check::expect_logits(std::span<const double> expected, std::span<const float> found, const std::string& what,
                          Rows rows) {
  if (!expect_equal(static_cast<long long>(found.size()), static_cast<long long>(expected.size()), what)) return;
  const double unit = deviation(expected);
  const auto differ = [&](std::span<const double> one, std::span<const float> other) {
    double squares = 0;
    for (std::size_t i = 0; i < one.size(); ++i) squares += (other[i] - one[i]) * (other[i] - one[i]);
    return std::sqrt(squares / static_cast<double>(one.size())) / unit;
  };
  const double most = subject_.tolerance.numerics;
  const double relative = differ(expected, found);
  const bool finite = all_finite(found);
  if (finite && relative <= most) return void(expect(true, what));
  // A single position may be somewhat further off than all positions together.
  constexpr double kOfOneRow = 1.5;
  const std::string where = note_positions(
      bad_rows(expected, found, rows, [&](auto one, auto other) { return !(differ(one, other) <= kOfOneRow * most); }),
      rows);
  if (!finite) return void(expect(false, what + ": a logit is not finite" + where));
  expect(false, fmt::format("{}: logits are off by {:.3g} of their standard deviation (root mean square); "
                            "{} may be off by at most {:.3g}{}",
                            what, relative, subject_.judged_as, most, where));
}

std::vector<float> row_of(const std::vector<float>& logits, std::size_t row, std::int32_t vocab) {
  const auto begin = logits.begin() + static_cast<std::ptrdiff_t>(row) * vocab;
  return {begin, begin + vocab};
}

std::vector<std::int32_t> part(const std::vector<std::int32_t>& ids, std::size_t begin, std::size_t end) {
  return {ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace inferbench::conformance
