// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "context.hpp"
#include "device.hpp"
#include "layer.hpp"
#include "precision.hpp"

namespace inferbench::torch_backend {

/// What this backend computes.
constexpr std::uint64_t kFeatures = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA;

/// A decoder's weights as libtorch's tensors. Immutable once created. Throws Failure, std::bad_alloc.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }
  /// Of tensors that a pass makes.
  at::TensorOptions options() const { return at::TensorOptions(context.device).dtype(precision.values); }

  Context& context;
  ReleaseAtEnd release{context.device};  ///< behind all tensors below
  ib_model_desc desc;                    ///< numbers and flags
  Precision precision;
  RotaryTables rotary_tables;
  at::Tensor token_embedding;     ///< [vocab_size, hidden_size]
  at::Tensor position_embedding;  ///< [max_positions, hidden_size]; undefined: none
  std::vector<Layer> layers;
  Norm final_norm;
  std::unique_ptr<Linear> head;  ///< hidden -> vocabulary; but for int8 it shares token_embedding where it is tied

 private:
  void load(const ib_model_params& params);

  ib_model_info info_{};
};

}  // namespace inferbench::torch_backend
