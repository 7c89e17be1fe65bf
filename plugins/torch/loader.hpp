// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "context.hpp"
#include "layer.hpp"

namespace inferbench::torch_backend {

/// Whether `precision` is int8, else fp32. Throws Failure(IB_UNSUPPORTED) for others, and where libtorch lacks it.
bool is_int8(const char* precision);

/// Reads and packs tensor after tensor; after each it reports progress and asks the host whether to go on. Names are
/// those of ib_model_desc without ".weight" and ".bias". Throws Failure, c10::Error.
class Loader {
 public:
  /// `desc` and its tensors outlive the loader.
  Loader(Context& context, const ib_model_desc& desc, bool int8)
      : context_(context), desc_(desc), tensors_(desc), int8_(int8) {}

  /// A dense copy, [rows, columns].
  at::Tensor matrix(const std::string& name, std::int64_t rows, std::int64_t columns);
  Norm norm(const std::string& name);

  /// One of several linear layers that are packed into one product.
  struct Part {
    std::string name;
    std::int64_t outputs;
  };
  std::unique_ptr<Linear> linear(std::initializer_list<Part> parts, std::int64_t inputs, bool has_bias);
  /// `weight` [outputs, inputs]; `bias` [outputs] or undefined.
  std::unique_ptr<Linear> pack(const at::Tensor& weight, const at::Tensor& bias) const;

  // Parts of layer `index`.
  Norm layer_norm(std::int32_t index, std::string_view name);
  /// The up projection alone, without the gate.
  std::unique_ptr<Linear> mlp_up(std::int32_t index);
  void read_mlp(std::int32_t index, Layer& layer);
  void read_qk_norms(std::int32_t index, Layer& layer);
  Layer layer(std::int32_t index);

 private:
  at::Tensor vector(const std::string& name, std::int64_t n);
  void report();

  Context& context_;
  const ib_model_desc& desc_;
  TensorMap tensors_;
  std::uint64_t n_taken_ = 0;
  bool int8_;
};

}  // namespace inferbench::torch_backend
