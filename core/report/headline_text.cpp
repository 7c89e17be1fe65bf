// SPDX-License-Identifier: Apache-2.0
#include "report/headline_text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/number_text.hpp"
#include "support/counted.hpp"

namespace inferbench {

namespace {

const OverallSpeed* overall_speed_of(const Headline& headline, const std::string& contender) {
  const auto found = std::find_if(headline.speeds.begin(), headline.speeds.end(),
                                  [&](const OverallSpeed& speed) { return speed.contender == contender; });
  return found == headline.speeds.end() ? nullptr : &*found;
}

std::string over_points(const OverallSpeed& speed) {
  if (speed.points == 1) return "at one point";
  return fmt::format("over {}, from {}x to {}x", counted(speed.points, "point"), ratio_text(speed.least),
                     ratio_text(speed.most));
}

std::string_view standing_word(const Headline& headline) {
  if (!headline.ahead) return "fastest";
  const Verdict verdict = judge(*headline.ahead);
  if (verdict == Verdict::kFaster) return "fastest";
  return verdict == Verdict::kSame ? "equally fast" : "probably fastest";
}

// Why the text says "probably", with a leading space.
std::string_view doubt_text(const Headline& headline) {
  const Verdict verdict = headline.ahead ? judge(*headline.ahead) : Verdict::kFaster;
  if (verdict == Verdict::kTooFewBlocks) return " (too few blocks)";
  return verdict == Verdict::kFaster || verdict == Verdict::kSame ? "" : " (not significant)";
}

}  // namespace

std::string speed_text(const SpeedRatio& ratio) {
  std::string text = ratio_text(ratio.ratio) + "x";
  if (ratio.interval) {
    text += fmt::format(" ({})", interval_text(*ratio.interval));
  }
  return text;
}

std::string_view phase_of(std::string_view metric) {
  if (metric.starts_with("decode") || metric == "inter_token_ms") return "decode";
  if (metric == "e2e_ms") return "entire request";
  return "prefill";
}

std::string standing_text(const Headline& headline) {
  return fmt::format("{}{}", standing_word(headline), doubt_text(headline));
}

std::string headline_text(const Headline& headline, const std::string& baseline) {
  const bool equal = headline.ahead && judge(*headline.ahead) == Verdict::kSame;
  std::string text = equal ? fmt::format("{} and {} are", headline.fastest, headline.second) : headline.fastest + " is";
  text += fmt::format(" {} in {}{}", standing_word(headline), phase_of(headline.metric), doubt_text(headline));
  if (const OverallSpeed* speed = overall_speed_of(headline, headline.fastest)) {
    text += fmt::format(": {} the speed of {} {}", speed_text(speed->ratio), baseline, over_points(*speed));
  }
  if (headline.ahead && headline.fastest == baseline) {
    text += fmt::format(": {} the speed of {}", speed_text(*headline.ahead), headline.second);
  } else if (headline.ahead && headline.second != baseline) {
    text += fmt::format("; {} that of {}", speed_text(*headline.ahead), headline.second);
  }
  text += ".";
  const SameOutput& output = headline.fastest_output;
  if (output.compared > 0) {
    text += fmt::format(" It emitted the same tokens as {} in {} of {}.", baseline, output.same,
                        counted(output.compared, "trial"));
  }
  return text;
}

std::string agreement_text(const OutputAgreement& agreement, const std::string& baseline) {
  const SameOutput& output = agreement.same_output;
  if (output.compared == 0) return fmt::format("{}: no output to compare with {}.", agreement.contender, baseline);
  return fmt::format("{} emitted the same tokens as {} in {} of {}.", agreement.contender, baseline, output.same,
                     counted(output.compared, "trial"));
}

}  // namespace inferbench
