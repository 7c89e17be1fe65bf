// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "measure/huge_buffer.hpp"
#include "model/weights_storage.hpp"

namespace inferbench {

/// A model's tensors, all views of the same zeros. A backend that does not read them touches no memory.
class ZeroWeights final : public Weights::Storage {
 public:
  explicit ZeroWeights(const ModelConfig& config)
      : Weights::Storage(decoder::tensors(model_desc(config))), zeros_(largest_bytes(specs())) {
    for (std::size_t i = 0; i < specs().size(); ++i) add_tensor(IB_DTYPE_F32, zeros_.data());
  }

 private:
  static std::uint64_t largest_bytes(std::span<const decoder::TensorSpec> specs) {
    std::int64_t largest = 0;
    for (const decoder::TensorSpec& spec : specs) largest = std::max(largest, spec.n_elements());
    return static_cast<std::uint64_t>(largest) * sizeof(float);
  }

  HugeBuffer zeros_;
};

}  // namespace inferbench
