// SPDX-License-Identifier: Apache-2.0
#include "text/sampler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/error.hpp"

namespace inferbench {
namespace {

/// Index of the largest logit, the first of equals.
std::size_t find_best(std::span<const float> logits) {
  std::size_t best = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == std::numeric_limits<float>::infinity()) {
      throw Error(fmt::format("the backend's logit of token {} is {}", i, logits[i]),
                  "the backend computes wrongly; try another precision, or compare it with cpu_ref");
    }
    if (logits[i] > logits[best]) best = i;
  }
  if (logits.empty() || std::isinf(logits[best])) throw Error("the backend gave no finite logit");
  return best;
}

}  // namespace

Sampler::Sampler(const SamplingOptions& options) : options_(options), random_(options.seed) {
  if (!(options.temperature >= 0) || std::isinf(options.temperature)) {
    throw Error(fmt::format("temperature {} is not possible", options.temperature),
                "give 0 (greedy) or a positive number, such as 0.8");
  }
  if (options.top_k < 0) {
    throw Error(fmt::format("top-k {} is not possible", options.top_k), "give 0 (all tokens) or a positive number");
  }
  if (!(options.top_p > 0 && options.top_p <= 1)) {
    throw Error(fmt::format("top-p {} is not possible", options.top_p), "give a number above 0 and at most 1");
  }
}

bool Sampler::less_likely(const Candidate& a, const Candidate& b) {
  return a.logit < b.logit || (a.logit == b.logit && a.id > b.id);
}

std::int32_t Sampler::sample(std::span<const float> logits) {
  const std::size_t best = find_best(logits);
  if (options_.greedy()) return static_cast<std::int32_t>(best);
  candidates_.clear();
  candidates_.reserve(logits.size());
  double total = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const double weight = std::exp((double{logits[i]} - double{logits[best]}) / options_.temperature);
    candidates_.push_back({static_cast<std::int32_t>(i), logits[i], weight});
    total += weight;
  }
  if (options_.top_k == 0 && options_.top_p == 1) return draw(candidates_, total);
  const double kept_total = keep(total);
  return draw(kept_, kept_total);
}

double Sampler::keep(double all_weight) {
  // A heap gives the most likely ones in order without sorting the whole vocabulary.
  kept_.clear();
  std::make_heap(candidates_.begin(), candidates_.end(), less_likely);
  auto heap_end = candidates_.end();
  const auto take = [&] {
    std::pop_heap(candidates_.begin(), heap_end, less_likely);
    kept_.push_back(*--heap_end);
    return kept_.back().weight;
  };
  double sum = 0;
  if (options_.top_k > 0) {
    const auto count = std::min(candidates_.size(), static_cast<std::size_t>(options_.top_k));
    while (kept_.size() < count) sum += take();
    if (options_.top_p == 1) return sum;
    const double wanted = options_.top_p * sum;
    sum = 0;
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      sum += kept_[i].weight;
      if (sum >= wanted) kept_.resize(i + 1);
    }
    return sum;
  }
  const double wanted = options_.top_p * all_weight;
  while (sum < wanted && heap_end != candidates_.begin()) sum += take();
  return sum;
}

std::int32_t Sampler::draw(std::span<const Candidate> candidates, double total) {
  const double target = random_.next_uniform() * total;
  double sum = 0;
  // Rounding may leave the sum below the target; an impossible token is never drawn.
  std::int32_t last = candidates.front().id;
  for (const Candidate& candidate : candidates) {
    if (candidate.weight <= 0) continue;
    last = candidate.id;
    sum += candidate.weight;
    if (target < sum) break;
  }
  return last;
}

}  // namespace inferbench
