// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "context.hpp"
#include "inferbench/backend.hpp"
#include "model.hpp"

namespace inferbench::onednn {

/// Reads and packs tensor after tensor; after each it reports progress and asks the host whether to go on. Names are
/// those of ib_model_desc without ".weight" and ".bias". Throws Failure, dnnl::error, std::bad_alloc.
class Loader {
 public:
  /// `desc` and its tensors outlive the loader.
  Loader(Context& context, const ib_model_desc& desc, Precision precision)
      : context_(context), desc_(desc), tensors_(desc), precision_(precision) {}

  /// A dense copy, [rows, columns].
  std::vector<float> matrix(const std::string& name, std::int64_t rows, std::int64_t columns);
  /// A vector by its full name.
  std::vector<float> vector(const std::string& name, std::int64_t n);
  Norm norm(const std::string& name);

  /// One of several linear layers that are packed into one product.
  struct Part {
    std::string name;
    std::int64_t outputs;
  };
  Linear linear(std::initializer_list<Part> parts, std::int64_t inputs, bool has_bias);

  // Parts of layer `index`.
  Norm layer_norm(std::int32_t index, std::string_view name);
  Linear mlp_up(std::int32_t index);
  void read_mlp(std::int32_t index, Layer& layer);
  void read_qk_norms(std::int32_t index, Layer& layer);
  Layer layer(std::int32_t index);

 private:
  void report();

  Context& context_;
  const ib_model_desc& desc_;
  TensorMap tensors_;
  std::uint64_t n_taken_ = 0;
  Precision precision_;
};

}  // namespace inferbench::onednn
