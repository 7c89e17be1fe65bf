// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "report/headline.hpp"
#include "report/report.hpp"

namespace inferbench {

/// "2.43x (2.28-2.60)", the interval left out where there is none.
std::string speed_text(const SpeedRatio& ratio);

/// "decode", "prefill": what a metric's speed is the speed of.
std::string_view phase_of(std::string_view metric);

/// The first compared with the second: "fastest", "equally fast", "probably fastest (not significant)", "probably
/// fastest (too few blocks)".
std::string standing_text(const Headline& headline);

/// One sentence: who is fastest, by how much, how surely, and by how much ahead of the second.
std::string headline_text(const Headline& headline, const std::string& baseline);

/// One sentence: in how many trials the contender emitted the baseline's tokens.
std::string agreement_text(const OutputAgreement& agreement, const std::string& baseline);

}  // namespace inferbench
