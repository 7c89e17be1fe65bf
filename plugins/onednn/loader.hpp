// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "context.hpp"
#include "inferbench/backend.hpp"
#include "model.hpp"

namespace inferbench::onednn {

/// Reads and packs tensor after tensor; after each it reports progress and asks the host whether to go on. Names are
/// "PREFIXweight" and "PREFIXbias". Throws Failure, dnnl::error, std::bad_alloc.
class Loader {
 public:
  Loader(Context& context, const ib_tensor* tensors, std::uint64_t n_tensors, Precision precision)
      : context_(context), tensors_(tensors, n_tensors), n_tensors_(n_tensors), precision_(precision) {}

  std::vector<float> take(const std::string& name, std::initializer_list<std::int64_t> shape);
  LayerNorm layer_norm(const std::string& prefix, std::int64_t width);
  Linear linear(const std::string& prefix, std::int64_t inputs, std::int64_t outputs);
  /// Of `rows` [vocab, width].
  Linear head(const std::vector<float>& rows, std::int64_t vocab, std::int64_t width);
  Layer layer(const std::string& prefix, std::int64_t width, std::int64_t inner);

 private:
  Context& context_;
  TensorMap tensors_;
  std::uint64_t n_tensors_;
  std::uint64_t n_taken_ = 0;
  Precision precision_;
};

}  // namespace inferbench::onednn
