// SPDX-License-Identifier: Apache-2.0
#include "quality/bounds.hpp"

#include <array>

namespace inferbench {

namespace {

struct Bounds {
  int bits;
  double text_kl;
  double seeded_kl;
  double logit_error;
};

constexpr std::array<Bounds, 4> kBounds{
    {{32, 1e-6, 1e-6, 1e-3}, {16, 1e-4, 1e-3, 0.05}, {8, 2e-4, 1e-2, 0.5}, {4, 2e-2, 1.0, 3.0}}};

}  // namespace

std::optional<double> default_max_kl(const std::optional<PrecisionMeaning>& precision, QualityTokens tokens) {
  const Bounds* bounds = row_by_bits(kBounds, precision);
  if (bounds == nullptr) return std::nullopt;
  return tokens == QualityTokens::kText ? bounds->text_kl : bounds->seeded_kl;
}

std::optional<double> default_logit_error(const std::optional<PrecisionMeaning>& precision) {
  const Bounds* bounds = row_by_bits(kBounds, precision);
  if (bounds == nullptr) return std::nullopt;
  return bounds->logit_error;
}

}  // namespace inferbench
