// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace inferbench {

/// The natural logarithm of the softmax of `logits` [vocab] at `token`, at least kLeastLogprob.
double logprob_of(std::span<const float> logits, std::int32_t token);

/// The `n` likeliest tokens with their log probabilities, best first; of equal ones the lower id.
std::vector<std::pair<std::int32_t, double>> likeliest_tokens(std::span<const float> logits, std::int32_t n);

/// Reported for tokens that are (almost) impossible, since JSON has no infinity.
inline constexpr double kLeastLogprob = -9999;

}  // namespace inferbench
