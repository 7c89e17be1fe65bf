// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>

#include "quality/window_agreement.hpp"
#include "stats/ratio.hpp"

namespace inferbench {

/// A value with its 95% interval, bootstrapped over the windows; no interval with fewer than two windows.
struct Estimate {
  double value = 0;
  std::optional<Interval> interval;
};

/// How well a backend agrees with a reference.
struct ReferenceAgreement {
  double nll_per_token = 0;
  double perplexity = 0;
  Estimate kl;              ///< KL(reference || tested), nats per token
  Estimate top1;            ///< share of tokens with the same most likely next token
  Estimate top5;            ///< mean share of the reference's top five tokens that are in the tested backend's top
                            ///< five
  Estimate greatest_error;  ///< greatest logit error; its interval cannot exceed the observed maximum
};

/// The summary of all windows of a text.
struct Agreement {
  std::uint64_t windows = 0;
  std::uint64_t tokens = 0;      ///< number of predicted tokens
  std::uint64_t not_finite = 0;  ///< tokens with a NaN or infinite logit; if there are any, most values below are NaN
  std::string first_not_finite;  ///< "window 0, position 3: the logit of token 17 is NaN"; empty if all are finite
  Estimate nll_per_token;        ///< nats
  Estimate perplexity;           ///< exp(nll_per_token)

  using Reference = ReferenceAgreement;
  std::optional<Reference> reference;
};

/// Needs at least one window, each with at least one token. `with_reference`: the windows were compared with a
/// reference.
Agreement summarize_agreement(std::span<const WindowAgreement> windows, bool with_reference);

/// nll_per_token, perplexity, tokens, windows, and with a reference kl, top1_agreement, top5_agreement,
/// greatest_logit_error, reference_nll_per_token, reference_perplexity. Each estimate has a NAME_interval next to it,
/// [low, high] or null. NaN is written as null. `first_not_finite` is null if all logits are finite.
nlohmann::ordered_json to_json(const Agreement& agreement);
/// The inverse; null becomes NaN. Throws nlohmann's exceptions.
Agreement agreement_from(const nlohmann::ordered_json& json);

}  // namespace inferbench
