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

/// A value with its 95% interval, bootstrapped over the windows; none where there are fewer than two.
struct Estimate {
  double value = 0;
  std::optional<Interval> interval;
};

/// How a backend agrees with a reference.
struct ReferenceAgreement {
  double nll_per_token = 0;
  double perplexity = 0;
  Estimate kl;              ///< KL(reference || tested), nats a token
  Estimate top1;            ///< share of tokens with the same likeliest successor
  Estimate top5;            ///< mean share of the reference's five likeliest among the tested's five
  Estimate greatest_error;  ///< greatest logit error; its interval cannot reach beyond what was seen
};

/// What the windows of a text say together.
struct Agreement {
  std::uint64_t windows = 0;
  std::uint64_t tokens = 0;      ///< predicted
  std::uint64_t not_finite = 0;  ///< of these, with a NaN or an infinite logit: then most values below are NaN
  std::string first_not_finite;  ///< "window 0, position 3: the logit of token 17 is NaN"; empty where there is none
  Estimate nll_per_token;        ///< nats
  Estimate perplexity;           ///< exp of it

  using Reference = ReferenceAgreement;
  std::optional<Reference> reference;
};

/// At least one window, each of at least one token. `with_reference`: the windows were compared with one.
Agreement summarize_agreement(std::span<const WindowAgreement> windows, bool with_reference);

/// nll_per_token, perplexity, tokens, windows, and with a reference kl, top1_agreement, top5_agreement,
/// greatest_logit_error, reference_nll_per_token, reference_perplexity; NAME_interval beside each estimate is
/// [low, high] or null. NaN is written as null. `first_not_finite` is null where all logits are finite.
nlohmann::ordered_json to_json(const Agreement& agreement);
/// The reverse; null is NaN. Throws nlohmann's exceptions.
Agreement agreement_from(const nlohmann::ordered_json& json);

}  // namespace inferbench
