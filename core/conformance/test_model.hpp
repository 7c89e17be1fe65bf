// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "inferbench/backend.h"
#include "model/canonical_tensors.hpp"
#include "model/model_config.hpp"

namespace inferbench::conformance {

/// A small GPT-2 with synthetic weights, chosen so that every tensor affects the logits; they may be altered. Owns its
/// tensors. The same arguments give the same weights on every machine.
class TestModel {
 public:
  /// 2 layers, 4 heads, width 64, 128 positions, 257 tokens, a tied head.
  static ModelConfig small();
  /// Large enough that its memory is visible above the allocator's noise: 3.5 million parameters.
  static ModelConfig large();

  /// `dtype`: IB_DTYPE_*. The values are representable in that type, as in a checkpoint of it.
  explicit TestModel(const ModelConfig& config = small(), std::int32_t dtype = IB_DTYPE_F32, std::uint64_t seed = 1);
  TestModel(const TestModel&) = delete;
  TestModel& operator=(const TestModel&) = delete;

  /// Copies row `from` of a matrix to row `to`.
  void copy_row(const std::string& name, std::int32_t from, std::int32_t to);
  /// Sets all bytes of every tensor to `value`.
  void overwrite(std::byte value);
  /// Sets one tensor to 0.
  void clear(const std::string& name);
  /// Sets each value of an F32 tensor to change(index, old value).
  void assign(const std::string& name, const std::function<float(std::size_t index, float old)>& change);

  std::vector<ib_tensor>& tensors() { return tensors_; }
  /// Throws Error if there is no such tensor.
  ib_tensor& tensor(const std::string& name);
  /// May be changed; its tensors are tensors().
  ib_model_desc& desc();
  const ModelConfig& config() const { return config_; }

 private:
  ModelConfig config_;
  std::vector<TensorSpec> specs_;  // the views in tensors_ borrow their names
  std::map<std::string, std::vector<std::byte>> data_;
  std::vector<ib_tensor> tensors_;
  ib_model_desc desc_{};
};

/// `n` token ids below `vocab`, the same for the same seed.
std::vector<std::int32_t> test_tokens(std::size_t n, std::uint64_t seed = 1, std::int32_t vocab = 257);

}  // namespace inferbench::conformance
