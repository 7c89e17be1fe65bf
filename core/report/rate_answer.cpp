// SPDX-License-Identifier: Apache-2.0
#include "report/rate_answer.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "report/number_text.hpp"
#include "stats/summary.hpp"
#include "support/counted.hpp"

namespace inferbench {

std::optional<RateAnswer> rate_answer_of(std::span<const MaxRate> searches) {
  if (searches.empty()) return std::nullopt;
  RateAnswer answer;
  answer.searches = searches.size();
  answer.percentile = searches.front().percentile;
  std::vector<double> held;
  std::vector<double> failed;
  for (const MaxRate& search : searches) {
    if (!search.holds) continue;
    held.push_back(std::log(*search.holds));
    failed.push_back(std::log(search.fails.value_or(*search.holds)));
    if (!search.fails) ++answer.unbounded;
  }
  answer.held = held.size();
  if (held.empty()) return answer;
  const Summary low = *summarize(held);
  const Summary high = *summarize(failed);
  answer.rate = std::exp(low.mean);
  answer.interval = {std::exp(low.mean_interval ? low.mean_interval->low : low.mean),
                     std::exp(high.mean_interval ? high.mean_interval->high : high.mean)};
  return answer;
}

std::string rate_answer_text(const RateAnswer& answer) {
  if (answer.held == 0) return "no rate holds: requests miss the objective even when they hardly meet";
  std::string text =
      fmt::format("holds {} requests/s ({} to {} in {})", number_text(answer.rate), number_text(answer.interval->low),
                  number_text(answer.interval->high), counted(answer.searches, "search"));
  if (answer.held < answer.searches) {
    text += fmt::format("; no rate held in {} of them", answer.searches - answer.held);
  }
  if (answer.unbounded > 0) {
    text += fmt::format("; in {} of them, the objective holds up to the highest throughput", answer.unbounded);
  }
  return text;
}

}  // namespace inferbench
