// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "model/canonical_tensors.hpp"
#include "model/model.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// What `synthetic:SHAPE?seed=N` names.
struct SyntheticReference {
  std::string shape;
  std::uint64_t seed = 0;
  ModelConfig config;

  /// The one spelling of this model, seed always given: what its SHA-256 is taken of.
  std::string canonical_text() const;
  /// For tables: the seed only where it is not 0.
  std::string short_name() const;
};

/// A weight of synthetic models is uniform in mean +- amplitude.
struct SyntheticDistribution {
  float amplitude;
  float mean;
};
SyntheticDistribution synthetic_distribution(TensorRole role);

/// Does `reference` begin with "synthetic:"?
bool is_synthetic(std::string_view reference);

/// Throws Error with the known shapes, and the nearest of them.
SyntheticReference parse_synthetic(std::string_view reference);

/// Generates all weights, with as many threads as the process may run on. Throws Error when memory is short.
std::shared_ptr<const Weights::Storage> synthetic_storage(const SyntheticReference& reference);

}  // namespace inferbench
