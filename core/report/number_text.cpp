// SPDX-License-Identifier: Apache-2.0
#include "report/number_text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace inferbench {

std::string number_text(double value) {
  const double size = std::abs(value);
  if (!(size < 1e7)) return fmt::format("{:.2e}", value);
  if (size >= 999.95) return fmt::format("{:.0f}", value);
  if (size >= 99.995) return fmt::format("{:.1f}", value);
  if (size >= 9.9995) return fmt::format("{:.2f}", value);
  return fmt::format("{:.3f}", value);
}

std::string ratio_text(double ratio) {
  if (!(ratio < 1e4)) return fmt::format("{:.0e}", ratio);
  if (ratio >= 99.95) return fmt::format("{:.0f}", ratio);
  if (ratio >= 9.995) return fmt::format("{:.1f}", ratio);
  return fmt::format("{:.2f}", ratio);
}

std::string interval_text(const Interval& interval) {
  const auto hides = [](double bound) { return bound != 1 && ratio_text(bound) == "1.00"; };
  const bool near_one = hides(interval.low) || hides(interval.high);
  if (near_one && interval.high < 9.9995) return fmt::format("{:.3f}-{:.3f}", interval.low, interval.high);
  return fmt::format("{}-{}", ratio_text(interval.low), ratio_text(interval.high));
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
}

}  // namespace inferbench
