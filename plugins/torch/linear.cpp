// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

#include <ATen/ATen.h>

#include "products.hpp"

namespace inferbench::torch_backend {
namespace {

class Fp32Linear final : public Linear {
 public:
  Fp32Linear(const at::Tensor& weight, const at::Tensor& bias) : weight_(weight.contiguous()), bias_(bias) {}

  at::Tensor run(const at::Tensor& x) const override { return product(x, weight_, bias_); }
  std::uint64_t bytes() const override { return weight_.nbytes() + (bias_.defined() ? bias_.nbytes() : 0); }

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};

}  // namespace

std::unique_ptr<Linear> make_fp32_linear(const at::Tensor& weight, const at::Tensor& bias) {
  return std::make_unique<Fp32Linear>(weight, bias);
}

}  // namespace inferbench::torch_backend
