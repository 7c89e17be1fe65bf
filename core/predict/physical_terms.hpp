// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "predict/samples.hpp"

namespace inferbench {

/// Number of weights that one decode step multiplies by: all linear layers and the head.
double decode_weights(const ModelConfig& shape);

/// Number of weights of all matrices and embeddings, without biases and norms: the model's size.
double model_weights(const ModelConfig& shape);

/// The terms of a target, such as "weights over bandwidth". Each has its own coefficient. Throws Error for an unknown
/// target.
const std::vector<std::string>& physical_term_names(std::string_view target);

/// The terms without coefficients, in the order of the names. For times: ms (bytes over the machine's bandwidth,
/// operations over its peak) and plain counts (of calls, layers, rows). For memory: numbers of values, to be multiplied
/// to bytes.
std::vector<double> physical_terms(std::string_view target, const Setting& setting, const Workload& workload);

/// The coefficients before any measurement, in the order of the names: reading and multiplying at the machine's limits
/// if they are known, weights in memory at the size that the backend reports, otherwise 0.
std::vector<double> physical_priors(std::string_view target, const Setting& setting);

}  // namespace inferbench
