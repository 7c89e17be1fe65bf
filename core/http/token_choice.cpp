// SPDX-License-Identifier: Apache-2.0
#include "http/token_choice.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace inferbench {

namespace {

// log(sum(exp(logits)))
double log_total(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - largest);
  return largest + std::log(sum);
}

double bounded(double logprob) {
  return std::max(logprob, kLeastLogprob);
}

}  // namespace

double logprob_of(std::span<const float> logits, std::int32_t token) {
  return bounded(double{logits[static_cast<std::size_t>(token)]} - log_total(logits));
}

std::vector<std::pair<std::int32_t, double>> likeliest_tokens(std::span<const float> logits, std::int32_t n) {
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto count = std::min(ids.size(), static_cast<std::size_t>(n));
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      const float first = logits[static_cast<std::size_t>(a)];
                      const float second = logits[static_cast<std::size_t>(b)];
                      return first > second || (first == second && a < b);
                    });
  const double total = log_total(logits);
  std::vector<std::pair<std::int32_t, double>> best;
  for (std::size_t i = 0; i < count; ++i) {
    best.emplace_back(ids[i], bounded(double{logits[static_cast<std::size_t>(ids[i])]} - total));
  }
  return best;
}

}  // namespace inferbench
