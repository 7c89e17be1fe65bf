// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace inferbench {

/// What the tokens of a comparison are: a KL divergence means another thing on each.
enum class QualityTokens {
  kText,    ///< of a language that the model knows
  kSeeded,  ///< random ids, or made-up weights: the logits lie where no training has been
};

/// The KL divergence to fp32, nats a token, beyond which a backend of that precision computes something else; by the
/// bits that the precision's name says ("fp32", "bf16", "int8", "q4_0"). nullopt where it says none. For text some 1.5
/// times what the known formats cost there (DESIGN section 9), activations in 8 bits included; for seeded tokens above
/// what they cost on random weights, whose logits spread far, and below what a lost bias or a swapped head does.
std::optional<double> default_max_kl(std::string_view precision, QualityTokens tokens);

/// What a logit may be off by, in standard deviations of the logits, where nothing was measured: for the flag on greedy
/// ids that differ. nullopt where the precision's name says no bits.
std::optional<double> default_logit_error(std::string_view precision);

}  // namespace inferbench
