// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "conformance/subject.hpp"

namespace inferbench::conformance {

/// What one rule finds. A rule goes on after a finding; what it throws is a finding, too.
class Check {
 public:
  explicit Check(const Subject& subject) : subject_(subject) {}

  const Subject& subject() const { return subject_; }
  const std::vector<std::string>& findings() const { return findings_; }

  /// Records `what` unless `good`; -> good.
  bool expect(bool good, const std::string& what);
  bool expect_equal(long long found, long long expected, const std::string& what);

  /// Equal up to rounding, the subject's tolerance.
  void expect_near(std::span<const float> expected, std::span<const float> found, const std::string& what);
  /// The same bits.
  void expect_same(std::span<const float> expected, std::span<const float> found, const std::string& what);
  /// Near enough to the float64 reference for the subject's precision.
  void expect_logits(std::span<const double> expected, std::span<const float> found, const std::string& what);

 private:
  const Subject& subject_;
  std::vector<std::string> findings_;
};

/// Row `row` of logits [rows, vocab].
std::vector<float> row_of(const std::vector<float>& logits, std::size_t row, std::int32_t vocab);

/// ids[begin .. end)
std::vector<std::int32_t> part(const std::vector<std::int32_t>& ids, std::size_t begin, std::size_t end);

}  // namespace inferbench::conformance
