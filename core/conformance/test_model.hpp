// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "conformance/test_configs.hpp"
#include "inferbench/decoder.hpp"
#include "model/model_config.hpp"

namespace inferbench::conformance {

/// How a test model's tensors lie in memory. The backend sees strides; the values are the same.
enum class Storage {
  kDense,             ///< each tensor alone, row by row
  kInputsFirst,       ///< matrices column by column, as GPT-2 stores linear weights
  kFused,             ///< row by row; attn_q, attn_k and attn_v are parts of one matrix, and so are mlp_gate and mlp_up
  kFusedInputsFirst,  ///< both, as GPT-2's c_attn
  kPadded,            ///< rows have gaps, vectors have a stride of 2; gaps hold NaN
};

/// A small decoder with synthetic weights, chosen so that every tensor affects the logits; they may be altered. Owns
/// its tensors. The same arguments give the same weights on every machine.
class TestModel {
 public:
  /// `dtype`: IB_DTYPE_*. The values are representable in that type, as in a checkpoint of it.
  explicit TestModel(const ModelConfig& config, std::int32_t dtype = IB_DTYPE_F32, std::uint64_t seed = 1,
                     Storage storage = Storage::kDense);
  TestModel(const TestModel&) = delete;
  TestModel& operator=(const TestModel&) = delete;

  /// Copies row `from` of a matrix to row `to`. The storage must be dense.
  void copy_row(const std::string& name, std::int32_t from, std::int32_t to);
  /// Sets all bytes of every tensor to `value`.
  void overwrite(std::byte value);
  /// Sets one tensor to 0. The storage must be dense.
  void clear(const std::string& name);
  /// Sets each value of a dense F32 tensor to change(index, old value).
  void assign(const std::string& name, const std::function<float(std::size_t index, float old)>& change);
  bool has(const std::string& name) const;

  std::vector<ib_tensor>& tensors() { return tensors_; }
  /// Throws Error if there is no such tensor.
  ib_tensor& tensor(const std::string& name);
  /// May be changed; its tensors are tensors(), and its layers and rotary tables those of config().
  ib_model_desc& desc();
  const ModelConfig& config() const { return config_; }
  /// Elements of all tensors.
  std::uint64_t n_parameters() const;

 private:
  static std::byte* data_of(const ib_tensor& tensor);

  ModelConfig config_;
  std::vector<decoder::TensorSpec> specs_;              // the views in tensors_ borrow their names
  std::map<std::string, std::vector<std::byte>> data_;  // by the name of the tensor, or of the matrix it is a part of
  std::vector<ib_tensor> tensors_;
  ib_model_desc desc_{};
};

/// `n` token ids below `vocab`, the same for the same seed.
std::vector<std::int32_t> test_tokens(std::size_t n, std::uint64_t seed = 1, std::int32_t vocab = 257);

}  // namespace inferbench::conformance
