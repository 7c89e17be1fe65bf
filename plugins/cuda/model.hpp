// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "context.hpp"
#include "device_memory.hpp"
#include "model_layout.hpp"
#include "options.hpp"

namespace inferbench::cuda_backend {

/// What this backend computes. Families share features.
// NOLINTNEXTLINE(misc-redundant-expression)
constexpr std::uint64_t kFeatures = IB_FEATURES_GPT2 | IB_FEATURES_LLAMA | IB_FEATURES_GEMMA;

/// A decoder's weights in device memory. Immutable once created. Throws Failure, std::bad_alloc.
class Model {
 public:
  Model(Context& context, const ib_model_params& params);
  const ib_model_info& info() const { return info_; }

  Context& context;
  Options options;
  ModelLayout layout;
  std::int32_t max_positions;
  std::vector<double> rotary_frequencies;  ///< [table][head_dim / 2]
  std::vector<double> rotary_scales;       ///< [table]

  const ModelData& data() const { return layout.data; }

 private:
  void load(const ib_model_desc& desc);

  DeviceBuffer memory_;
  std::string kernels_;
  ib_model_info info_{};
};

}  // namespace inferbench::cuda_backend
