// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace inferbench {

/// Durations, in buckets fit for requests: 1 ms to 60 s.
class DurationHistogram {
 public:
  void add(double seconds);
  std::uint64_t count() const { return count_; }

 private:
  friend class PrometheusText;
  static constexpr std::array<double, 14> kBounds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                  0.25,  0.5,    1,     2.5,  5,     10,   60};
  std::array<std::uint64_t, kBounds.size()> buckets_{};  ///< not cumulated
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

/// Writes metrics in Prometheus's text format 0.0.4.
class PrometheusText {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  void counter(std::string_view name, std::string_view help, std::uint64_t value);
  void gauge(std::string_view name, std::string_view help, double value);
  /// A counter with two labels; `values` maps the labels' values to counts.
  void counters(std::string_view name, std::string_view help, std::pair<std::string_view, std::string_view> labels,
                const std::map<std::pair<std::string, std::string>, std::uint64_t>& values);
  void histogram(std::string_view name, std::string_view help, const DurationHistogram& histogram);
  /// A gauge of 1 that carries a text.
  void info(std::string_view name, std::string_view help, const std::map<std::string, std::string>& labels);

  const std::string& text() const { return text_; }

 private:
  void head(std::string_view name, std::string_view help, std::string_view type);

  std::string text_;
};

}  // namespace inferbench
