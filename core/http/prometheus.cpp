// SPDX-License-Identifier: Apache-2.0
#include "http/prometheus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace inferbench {

namespace {

std::string escaped_label(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    escaped += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return escaped;
}

}  // namespace

void DurationHistogram::add(double seconds) {
  const auto* const bucket = std::lower_bound(kBounds.begin(), kBounds.end(), seconds);
  if (bucket != kBounds.end()) ++buckets_.at(static_cast<std::size_t>(bucket - kBounds.begin()));
  ++count_;
  sum_ += seconds;
}

void PrometheusText::head(std::string_view name, std::string_view help, std::string_view type) {
  fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void PrometheusText::counter(std::string_view name, std::string_view help, std::uint64_t value) {
  head(name, help, "counter");
  fmt::format_to(std::back_inserter(text_), "{} {}\n", name, value);
}

void PrometheusText::gauge(std::string_view name, std::string_view help, double value) {
  head(name, help, "gauge");
  fmt::format_to(std::back_inserter(text_), "{} {}\n", name, value);
}

void PrometheusText::counters(std::string_view name, std::string_view help,
                              std::pair<std::string_view, std::string_view> labels,
                              const std::map<std::pair<std::string, std::string>, std::uint64_t>& values) {
  head(name, help, "counter");
  for (const auto& [label_values, count] : values) {
    fmt::format_to(std::back_inserter(text_), "{}{{{}=\"{}\",{}=\"{}\"}} {}\n", name, labels.first,
                   escaped_label(label_values.first), labels.second, escaped_label(label_values.second), count);
  }
}

void PrometheusText::histogram(std::string_view name, std::string_view help, const DurationHistogram& histogram) {
  head(name, help, "histogram");
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < DurationHistogram::kBounds.size(); ++i) {
    below += histogram.buckets_.at(i);
    fmt::format_to(std::back_inserter(text_), "{}_bucket{{le=\"{}\"}} {}\n", name, DurationHistogram::kBounds.at(i),
                   below);
  }
  fmt::format_to(std::back_inserter(text_), "{}_bucket{{le=\"+Inf\"}} {}\n{}_sum {}\n{}_count {}\n", name,
                 histogram.count_, name, histogram.sum_, name, histogram.count_);
}

void PrometheusText::info(std::string_view name, std::string_view help,
                          const std::map<std::string, std::string>& labels) {
  head(name, help, "gauge");
  std::string list;
  for (const auto& [key, value] : labels) {
    list += fmt::format("{}{}=\"{}\"", list.empty() ? "" : ",", key, escaped_label(value));
  }
  fmt::format_to(std::back_inserter(text_), "{}{{{}}} 1\n", name, list);
}

}  // namespace inferbench
