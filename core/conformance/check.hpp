// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "conformance/subject.hpp"

namespace inferbench::conformance {

/// The tokens whose logits are compared: rows [n, vocab] of consecutive positions. vocab 0: unknown; findings then
/// name no position.
struct Rows {
  std::int32_t vocab = 0;
  std::int32_t first = 0;  ///< position of the first row
};

/// Collects the findings of one rule. A rule continues after a finding; an exception from it is a finding, too.
class Check {
 public:
  explicit Check(const Subject& subject) : subject_(subject) {}

  const Subject& subject() const { return subject_; }
  const std::vector<std::string>& findings() const { return findings_; }
  /// The lowest position with wrong logits.
  std::optional<std::int32_t> first_bad_position() const { return first_bad_position_; }

  /// Records that a part of the rule could not be tried, and why, in one line.
  void not_tried(const std::string& why) { not_tried_.push_back(scene_ + why); }
  const std::vector<std::string>& parts_not_tried() const { return not_tried_; }
  /// False if nothing was tried; such a rule is neither kept nor broken.
  bool tried_anything() const { return n_tried_ > 0; }

  /// Begins every later finding; empty: nothing.
  void set_scene(const std::string& scene) { scene_ = scene; }

  /// Records `what` as a finding unless `good`. Returns `good`.
  bool expect(bool good, const std::string& what);
  bool expect_equal(long long found, long long expected, const std::string& what);

  /// Expects equality up to rounding, within the subject's tolerance.
  void expect_near(std::span<const float> expected, std::span<const float> found, const std::string& what,
                   Rows rows = {});
  /// Expects the same bits.
  void expect_same(std::span<const float> expected, std::span<const float> found, const std::string& what,
                   Rows rows = {});
  /// Expects logits close enough to the float64 reference for the subject's precision.
  void expect_logits(std::span<const double> expected, std::span<const float> found, const std::string& what,
                     Rows rows = {});

 private:
  /// Records the first bad position. Returns ", right up to position 31" or another description of where the bad rows
  /// are.
  std::string note_positions(const std::vector<bool>& is_bad, Rows rows);

  const Subject& subject_;
  std::string scene_;
  std::vector<std::string> findings_;
  std::vector<std::string> not_tried_;
  std::optional<std::int32_t> first_bad_position_;
  std::size_t n_tried_ = 0;
};

/// Row `row` of logits [rows, vocab].
std::vector<float> row_of(const std::vector<float>& logits, std::size_t row, std::int32_t vocab);

/// ids[begin .. end)
std::vector<std::int32_t> part(const std::vector<std::int32_t>& ids, std::size_t begin, std::size_t end);

}  // namespace inferbench::conformance
