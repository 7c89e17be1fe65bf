// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "report/headline.hpp"
#include "report/report.hpp"

namespace inferbench {

/// "2.43x (2.28-2.60)"; without the interval if there is none.
std::string speed_text(const SpeedRatio& ratio);

/// The phase of a metric: "decode" or "prefill".
std::string_view phase_of(std::string_view metric);

/// How the first compares with the second: "fastest", "equally fast", "probably fastest (not significant)", "probably
/// fastest (too few blocks)".
std::string standing_text(const Headline& headline);

/// One sentence: the fastest contender, its lead, the certainty, and its lead over the second.
std::string headline_text(const Headline& headline, const std::string& baseline);

/// One sentence: in how many trials the contender emitted the baseline's tokens.
std::string agreement_text(const OutputAgreement& agreement, const std::string& baseline);

}  // namespace inferbench
