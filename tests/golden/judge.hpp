// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace inferbench::golden {

/// Distance of logits from the expected ones; both are [positions, vocab].
struct Distance {
  double greatest_error = 0;  ///< greatest |difference|; infinite if any value is not finite
  double deviation = 0;       ///< the greatest error in standard deviations of the expected logits (of all positions)
  double kl = 0;              ///< KL(softmax(expected) || softmax(got)), nats, mean over positions
};

Distance distance(std::span<const float> expected, std::span<const float> got, std::size_t vocab);

}  // namespace inferbench::golden
