// SPDX-License-Identifier: Apache-2.0
#include "quality/window_agreement.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double greatest(std::span<const float> logits) {
  return *std::max_element(logits.begin(), logits.end());
}

// log(sum(exp(logits)))
double log_sum_exp(std::span<const float> logits) {
  const double top = greatest(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - top);
  return top + std::log(sum);
}

// KL(p || q) = sum(p (x - y)) - (log_sum_exp(x) - log_sum_exp(y)), p = softmax(x), q = softmax(y).
double kl_of(std::span<const float> x, double x_sum, std::span<const float> y, double y_sum) {
  double mean_difference = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double x_i = x[i];
    mean_difference += std::exp(x_i - x_sum) * (x_i - y[i]);
  }
  return std::max(0.0, mean_difference - (x_sum - y_sum));  // negative only by rounding
}

using TopIds = std::array<std::size_t, kTopTokens>;

// The most likely ids, best first, ties by lowest id. If there are fewer than kTopTokens, the last one is repeated.
TopIds top_ids(std::span<const float> logits) {
  TopIds ids{};
  std::size_t n = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (n == kTopTokens && logits[i] <= logits[ids[n - 1]]) continue;
    n = std::min(n + 1, kTopTokens);
    std::size_t place = n - 1;
    for (; place > 0 && logits[ids[place - 1]] < logits[i]; --place) ids[place] = ids[place - 1];
    ids[place] = i;
  }
  for (std::size_t i = n; i < kTopTokens; ++i) ids[i] = ids[n - 1];
  return ids;
}

double shared_of(const TopIds& reference, const TopIds& ids) {
  const auto shared = std::count_if(reference.begin(), reference.end(),
                                    [&](std::size_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); });
  return static_cast<double>(shared) / static_cast<double>(kTopTokens);
}

}  // namespace

TokenAgreement judge_token(std::span<const float> logits, std::int32_t next) {
  TokenAgreement token;
  token.wrong = find_wrong_logit(logits, logits.size());
  token.nll = !token.wrong ? log_sum_exp(logits) - logits[static_cast<std::size_t>(next)] : kNaN;
  return token;
}

TokenAgreement judge_token(std::span<const float> logits, std::int32_t next, std::span<const float> reference) {
  if (const auto wrong = find_wrong_logit(reference, reference.size())) {
    throw Error("the reference gives logits that are not finite: " + describe(*wrong),
                "check the model's weights, or choose another reference");
  }
  TokenAgreement token;
  const double reference_sum = log_sum_exp(reference);
  token.reference_nll = reference_sum - reference[static_cast<std::size_t>(next)];
  token.wrong = find_wrong_logit(logits, logits.size());
  if (token.wrong) {
    token.nll = token.kl = token.greatest_error = kNaN;
    return token;
  }
  const double sum = log_sum_exp(logits);
  token.nll = sum - logits[static_cast<std::size_t>(next)];
  token.kl = kl_of(reference, reference_sum, logits, sum);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    token.greatest_error = std::max(token.greatest_error, std::abs(double{logits[i]} - double{reference[i]}));
  }
  const TopIds expected = top_ids(reference);
  const TopIds found = top_ids(logits);
  token.same_top = expected[0] == found[0];
  token.shared_top = shared_of(expected, found);
  return token;
}

double greater_error(double a, double b) {
  return std::isnan(b) || b > a ? b : a;
}

void WindowAgreement::add(const TokenAgreement& token) {
  if (token.wrong && !first_wrong) {
    first_wrong = token.wrong;
    first_wrong->row = tokens;
  }
  ++tokens;
  not_finite += token.wrong ? 1U : 0U;
  nll += token.nll;
  reference_nll += token.reference_nll;
  kl += token.kl;
  same_top += token.same_top ? 1 : 0;
  shared_top += token.shared_top;
  greatest_error = greater_error(greatest_error, token.greatest_error);
}

}  // namespace inferbench
