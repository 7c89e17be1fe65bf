// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "plugin/logit_check.hpp"

namespace inferbench {

inline constexpr std::size_t kTopTokens = 5;

/// One predicted token: how well the backend predicted it, and how far its logits are from the reference's.
struct TokenAgreement {
  double nll = 0;                   ///< -log softmax(logits)[next], nats; NaN if a logit is not finite
  std::optional<WrongLogit> wrong;  ///< the first logit that is not finite

  // Compared with a reference; zero without one.
  double reference_nll = 0;
  double kl = 0;              ///< KL(softmax(reference) || softmax(logits)), nats
  bool same_top = false;      ///< both have the same most likely token; ties go to the lowest id
  double shared_top = 0;      ///< share of the reference's top five tokens that are in the backend's top five
  double greatest_error = 0;  ///< greatest |logit - reference logit|
};

/// `logits` [vocab], `next` in [0, vocab). Sums in float64.
TokenAgreement judge_token(std::span<const float> logits, std::int32_t next);
/// The same, compared with `reference` [vocab]. Throws Error if a reference logit is not finite.
TokenAgreement judge_token(std::span<const float> logits, std::int32_t next, std::span<const float> reference);

/// The greater of two errors; NaN if either is NaN.
double greater_error(double a, double b);

/// Sums over the predicted tokens of one window. Plain data: it is sent between processes.
struct WindowAgreement {
  std::uint64_t tokens = 0;
  std::uint64_t not_finite = 0;           ///< tokens with a NaN or an infinite logit
  std::optional<WrongLogit> first_wrong;  ///< the first non-finite logit; its row is the position in the window
  double nll = 0;
  double reference_nll = 0;
  double kl = 0;
  double same_top = 0;
  double shared_top = 0;
  double greatest_error = 0;  ///< maximum, not a sum

  void add(const TokenAgreement& token);
};

}  // namespace inferbench
