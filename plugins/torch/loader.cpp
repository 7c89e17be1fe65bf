// SPDX-License-Identifier: Apache-2.0
#include "loader.hpp"

#include <ATen/ATen.h>

#include <string>
#include <string_view>

#include "quantized_linear.hpp"

namespace inferbench::torch_backend {

bool is_int8(const char* precision) {
  const std::string_view name = precision;
  if (name == "fp32") return false;
  if (name == "int8" && has_int8()) return true;
  throw Failure(IB_UNSUPPORTED, "precision '" + std::string(name) + "' is unknown, or this libtorch lacks it");
}

at::Tensor LoaderEngine::vector(std::int64_t n) const {
  return at::empty({n});
}

at::Tensor LoaderEngine::matrix(std::int64_t rows, std::int64_t columns) const {
  return at::empty({rows, columns});
}

LoaderEngine::Linear LoaderEngine::pack(const at::Tensor& weight, const WeightLayout& layout,
                                        const at::Tensor& bias) const {
  const at::Tensor by_outputs = layout.by_outputs ? weight : weight.t();
  return int8 ? make_int8_linear(by_outputs.contiguous(), bias) : make_fp32_linear(by_outputs, bias);
}

}  // namespace inferbench::torch_backend
