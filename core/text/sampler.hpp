// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "support/random.hpp"

namespace inferbench {

struct SamplingOptions {
  double temperature = 0;  ///< logits are divided by it; 0: greedy
  std::int32_t top_k = 0;  ///< keep the k most likely; 0: all
  double top_p = 1;        ///< then keep the fewest whose probability, among those, reaches it
  std::uint64_t seed = 0;

  bool greedy() const { return temperature == 0; }
  friend bool operator==(const SamplingOptions&, const SamplingOptions&) = default;
};

/// Picks token ids from logits: temperature, then top-k, then top-p, in the order of Hugging Face's generate. The same
/// logits, options and earlier calls give the same id. Where logits are equal, the lower id counts as likelier.
/// Not thread-safe.
class Sampler {
 public:
  /// Throws Error on a negative temperature or top-k, or top-p outside (0, 1].
  explicit Sampler(const SamplingOptions& options);

  /// `logits`: [vocab], at least one. Throws Error where one is NaN or +infinity, or all are -infinity.
  std::int32_t sample(std::span<const float> logits);

 private:
  struct Candidate {
    std::int32_t id;
    float logit;
    double weight;  ///< exp((logit - max) / temperature)
  };

  static bool less_likely(const Candidate& a, const Candidate& b);
  /// Moves the kept candidates, most likely first, to `kept_`, and returns the sum of their weights.
  double keep(double all_weight);
  std::int32_t draw(std::span<const Candidate> candidates, double total);

  SamplingOptions options_;
  SplitMix64 random_;
  std::vector<Candidate> candidates_;
  std::vector<Candidate> kept_;
};

}  // namespace inferbench
