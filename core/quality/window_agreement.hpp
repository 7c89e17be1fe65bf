// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "plugin/logit_check.hpp"

namespace inferbench {

inline constexpr std::size_t kTopTokens = 5;

/// One predicted token: how well a backend foresaw it, and how far its logits are from the reference's.
struct TokenAgreement {
  double nll = 0;                   ///< -log softmax(logits)[next], nats; NaN where a logit is not finite
  std::optional<WrongLogit> wrong;  ///< the first logit that is not finite

  // Against a reference, else zero.
  double reference_nll = 0;
  double kl = 0;              ///< KL(softmax(reference) || softmax(logits)), nats
  bool same_top = false;      ///< both have the same likeliest token, the lowest id of equals
  double shared_top = 0;      ///< share of the reference's five likeliest that are among the backend's five
  double greatest_error = 0;  ///< greatest |logit - reference logit|
};

/// `logits` [vocab], `next` in [0, vocab). Sums in float64.
TokenAgreement judge_token(std::span<const float> logits, std::int32_t next);
/// The same against `reference` [vocab]. Throws Error where that is not finite.
TokenAgreement judge_token(std::span<const float> logits, std::int32_t next, std::span<const float> reference);

/// The greater of two errors; NaN where one is.
double greater_error(double a, double b);

/// Sums over the predicted tokens of one window. Plain data: it crosses process borders.
struct WindowAgreement {
  std::uint64_t tokens = 0;
  std::uint64_t not_finite = 0;           ///< tokens with a NaN or an infinite logit
  std::optional<WrongLogit> first_wrong;  ///< the first of their logits; its row is the position in the window
  double nll = 0;
  double reference_nll = 0;
  double kl = 0;
  double same_top = 0;
  double shared_top = 0;
  double greatest_error = 0;  ///< the greatest, not a sum

  void add(const TokenAgreement& token);
};

}  // namespace inferbench
