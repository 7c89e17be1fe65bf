// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "predict/samples.hpp"

namespace inferbench {

/// Weights that one decode step multiplies by: 4 width^2 + 2 width inner a layer, and the head, vocab x width.
double decode_weights(const ModelConfig& shape);

/// Weights of all matrices and embeddings, biases and norms left out: the model's size.
double model_weights(const ModelConfig& shape);

/// What a target is made of, such as "weights over bandwidth"; each a summand with a coefficient of its own. Throws
/// Error for an unknown target.
const std::vector<std::string>& physical_term_names(std::string_view target);

/// The summands before their coefficients, in the names' order. Times in ms: bytes over the machine's bandwidth,
/// operations over its peak, and counts (of calls, layers, rows) as they are. Memory in bytes: numbers of values.
std::vector<double> physical_terms(std::string_view target, const Setting& setting, const Workload& workload);

/// What the coefficients are before anything was measured, in the names' order: reading and multiplying at the
/// machine's limits where they are known, weights in memory at the bytes that the backend says; else 0.
std::vector<double> physical_priors(std::string_view target, const Setting& setting);

}  // namespace inferbench
