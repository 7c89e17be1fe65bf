// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace inferbench::golden {

/// How far logits are from the expected ones; both [positions, vocab].
struct Distance {
  double greatest_error = 0;  ///< greatest |difference|; infinite where anything is not finite
  double deviation = 0;       ///< that, in standard deviations of the expected logits (of all positions)
  double kl = 0;              ///< KL(softmax(expected) || softmax(got)), nats, mean over positions
};

Distance distance(std::span<const float> expected, std::span<const float> got, std::size_t vocab);

}  // namespace inferbench::golden
