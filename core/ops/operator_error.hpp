// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace inferbench {

/// How far a result is from the float64 reference, in root mean squares of the reference.
struct OperatorError {
  double max = 0;  ///< of the worst value; infinite where a value is not finite
  double rms = 0;
};

/// Same sizes, at least one value.
OperatorError operator_error(std::span<const float> result, std::span<const double> reference);

/// The errors beyond either of which an operator of that precision computes something else, by the bits that the
/// precision's name says ("fp32", "bf16", "int8", "q4_0"); nullopt where it says none: then nothing is judged. The
/// reasons for the numbers are in operator_error.cpp.
std::optional<OperatorError> operator_tolerance(std::string_view precision);

}  // namespace inferbench
