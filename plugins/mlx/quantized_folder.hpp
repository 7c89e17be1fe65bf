// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mlx/array.h>

#include <cstdint>
#include <string>
#include <unordered_map>

#include "linear.hpp"

namespace inferbench::mlx_backend {

/// The safetensors files of a folder that MLX has quantized (mlx_lm.convert -q). Throws Failure, and what MLX throws.
class QuantizedFolder {
 public:
  /// Reads the files' headers. Throws IB_UNSUPPORTED if nothing in them is quantized.
  explicit QuantizedFolder(const std::string& path);

  /// A matrix [outputs, inputs] as it is stored; what is not quantized, and scales and biases, become `dtype`. Its bits
  /// and its group follow from the stored shapes, so that each matrix may have its own. `name` is canonical, with
  /// ".weight"; `post_norm` as in ib_model_desc. Throws IB_UNSUPPORTED for what MLX has no product for.
  Matrix matrix(const std::string& name, std::int64_t outputs, std::int64_t inputs, bool post_norm,
                mx::Dtype dtype) const;

  /// Of one of the matrices; MLX gives all of a folder the same.
  mx::Dtype scales_type() const { return scales_type_; }

 private:
  const mx::array& tensor(const std::string& name) const;

  std::unordered_map<std::string, mx::array> tensors_;  // by checkpoint_name(); read when they are evaluated
  mx::Dtype scales_type_ = mx::float32;
};

}  // namespace inferbench::mlx_backend
