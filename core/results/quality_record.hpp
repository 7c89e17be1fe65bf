// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "measure/ending.hpp"
#include "quality/agreement.hpp"

namespace inferbench {

/// One row of quality.jsonl: how far a contender deviates from the reference on one model. Its status is wrong_output
/// if the bound is exceeded, logits are not finite or ids do not repeat.
struct QualityRecord : Ending {
  std::string contender;
  std::string precision;
  std::string model;      ///< reference, as in Point::model
  std::string reference;  ///< the reference backend's name
  std::string text;       ///< path; empty: seeded random tokens, for which only the comparison is meaningful
  std::int32_t threads = 1;
  std::string started;  ///< UTC, ISO 8601
  double duration_s = 0;
  std::optional<double> max_kl;        ///< the bound; absent: none for this precision
  std::optional<bool> repeats;         ///< a second run of the same prompt gave the same greedy ids
  std::optional<Agreement> agreement;  ///< present if all windows were evaluated
};

/// One line of JSON without the newline.
std::string to_json_line(const QualityRecord& record);

/// Parses such a line. Throws Error that says what is missing or wrong.
QualityRecord parse_quality_record(std::string_view line);

}  // namespace inferbench
