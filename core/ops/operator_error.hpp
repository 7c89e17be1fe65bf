// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace inferbench {

/// Distance of a result from the float64 reference, in units of the reference's root mean square.
struct OperatorError {
  double max = 0;  ///< of the worst value; infinite if a value is not finite
  double rms = 0;
};

/// Both have the same size, at least one value.
OperatorError operator_error(std::span<const float> result, std::span<const double> reference);

/// The tolerances for weights of that many bits: an operator whose error exceeds either of them computes something
/// else. `gated`: the operator has an MLP with a gate. nullopt below 4 bits, and then nothing is judged. The reasons
/// for the numbers are in operator_error.cpp.
std::optional<OperatorError> operator_tolerance(std::int32_t weight_bits, bool gated = false);

}  // namespace inferbench
