// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <vector>

#include "context.hpp"
#include "layer.hpp"
#include "options.hpp"

namespace inferbench::mlx_backend {

/// What this backend computes.
// NOLINTNEXTLINE(misc-redundant-expression): families share features
constexpr std::uint64_t kFeatures = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA;

/// A decoder's weights as MLX's arrays. Immutable once created. Throws Failure, std::bad_alloc.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }

  Context& context;
  ib_model_desc desc;  ///< numbers and flags
  Format format;
  RotaryTables rotary_tables;
  Activation activation;
  MaybeArray position_embedding;  ///< [max_positions, hidden_size] or none
  Linear embedding;               ///< of the vocabulary
  std::vector<Layer> layers;
  Norm final_norm;
  Linear head;  ///< hidden -> vocabulary; shares the arrays of `embedding` where it is tied

 private:
  void load(const ib_model_params& params);

  ib_model_info info_{};
};

}  // namespace inferbench::mlx_backend
