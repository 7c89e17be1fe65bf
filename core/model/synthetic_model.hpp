// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "inferbench/decoder.hpp"
#include "model/model.hpp"
#include "model/model_config.hpp"

namespace inferbench {

/// A parsed reference `synthetic:SHAPE?seed=N`.
struct SyntheticReference {
  std::string shape;
  std::uint64_t seed = 0;
  ModelConfig config;

  /// The only spelling of this model that is hashed for its SHA-256; always includes the seed.
  std::string canonical_text() const;
  /// For tables; includes the seed only if it is not 0.
  std::string short_name() const;
};

/// Weights of synthetic models are uniform in mean +- amplitude. A family may differ from these (Family).
struct SyntheticDistribution {
  float amplitude;
  float mean;
};
SyntheticDistribution synthetic_distribution(decoder::TensorRole role);

struct Family;
struct StoredTensor;

/// Fills `out` with the values first, first + 1, ... of a tensor of a synthetic model as its views have them.
void fill_stored(std::span<float> out, const StoredTensor& stored, const Family& family, std::uint64_t seed,
                 std::uint64_t first);

/// Whether `reference` begins with "synthetic:".
bool is_synthetic(std::string_view reference);

/// Throws Error with the list of known shapes and the nearest one.
SyntheticReference parse_synthetic(std::string_view reference);

/// Generates all weights, with as many threads as the process may use. Throws Error if there is not enough memory.
std::shared_ptr<const Weights::Storage> synthetic_storage(const SyntheticReference& reference);

}  // namespace inferbench
