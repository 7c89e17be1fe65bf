// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "measure/ending.hpp"
#include "quality/agreement.hpp"

namespace inferbench {

/// One row of quality.jsonl: how far a contender strays from the reference on one model. Its status is wrong_output if
/// the bound is broken, logits are not finite or ids do not repeat.
struct QualityRecord : Ending {
  std::string contender;
  std::string precision;
  std::string model;      ///< reference, as in Point::model
  std::string reference;  ///< the reference backend's name
  std::string text;       ///< path; empty: seeded random tokens, of which only the comparison says anything
  std::int32_t threads = 1;
  std::string started;  ///< UTC, ISO 8601
  double duration_s = 0;
  std::optional<double> max_kl;        ///< the bound; absent: none for this precision
  std::optional<bool> repeats;         ///< the same prompt gave the same greedy ids again
  std::optional<Agreement> agreement;  ///< where all windows were judged
};

/// One line of JSON without the newline.
std::string to_json_line(const QualityRecord& record);

/// The reverse. Throws Error that says what is missing or wrong.
QualityRecord parse_quality_record(std::string_view line);

}  // namespace inferbench
