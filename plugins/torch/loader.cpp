// SPDX-License-Identifier: Apache-2.0
#include "loader.hpp"

#include <ATen/ATen.h>

#include "quantized_linear.hpp"

namespace inferbench::torch_backend {

// Weights are read in fp32 on the host.
at::Tensor LoaderEngine::vector(std::int64_t n) const {
  return at::empty({n});
}

at::Tensor LoaderEngine::matrix(std::int64_t rows, std::int64_t columns) const {
  return at::empty({rows, columns});
}

// Nothing is copied where the tensor is right already.
at::Tensor LoaderEngine::loaded(at::Tensor buffer) const {
  return buffer.defined() ? buffer.to(device, precision.values) : buffer;
}

LoaderEngine::Linear LoaderEngine::pack(const at::Tensor& weight, const WeightLayout& layout,
                                        const at::Tensor& bias) const {
  if (!device.is_cpu()) {
    const at::Tensor there = loaded(weight);
    return make_device_linear((layout.by_outputs ? there : there.t()).contiguous(), loaded(bias));
  }
  const at::Tensor by_outputs = layout.by_outputs ? weight : weight.t();
  return precision.int8 ? make_int8_linear(by_outputs.contiguous(), bias) : make_fp32_linear(by_outputs, bias);
}

}  // namespace inferbench::torch_backend
