// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "support/precision.hpp"

namespace inferbench {

/// The kind of tokens in a comparison: the same KL divergence means different things for each.
enum class QualityTokens {
  kText,    ///< text in a language that the model was trained on
  kSeeded,  ///< random ids or synthetic weights: the logits are far from anything seen in training
};

/// The largest KL divergence to fp32, in nats per token, that a correct backend of this precision may have. It depends
/// on the number of bits; nullopt if it is unknown. For text, the bound is about 1.5 times the cost of known weight
/// formats on a small trained model, 8-bit activations included (weights only: 8 bits per channel 1.0e-4, 4 bits in
/// groups of 32 1.5e-2). For seeded tokens, it is above the cost of these formats on random weights, whose logits
/// spread widely, and below the effect of a missing bias or a swapped head.
std::optional<double> default_max_kl(const std::optional<PrecisionMeaning>& precision, QualityTokens tokens);

/// The possible error of a logit, in standard deviations of the logits, if nothing was measured: used to flag greedy
/// ids that differ. nullopt if the number of bits is unknown.
std::optional<double> default_logit_error(const std::optional<PrecisionMeaning>& precision);

}  // namespace inferbench
