// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

#include <ATen/ATen.h>

#include "products.hpp"

namespace inferbench::torch_backend {
namespace {

class DenseLinear : public Linear {
 public:
  DenseLinear(const at::Tensor& weight, const at::Tensor& bias) : weight_(weight.contiguous()), bias_(bias) {}
  std::uint64_t bytes() const override { return weight_.nbytes() + (bias_.defined() ? bias_.nbytes() : 0); }

 protected:
  at::Tensor weight_;
  at::Tensor bias_;
};

class Fp32Linear final : public DenseLinear {
 public:
  using DenseLinear::DenseLinear;
  at::Tensor run(const at::Tensor& x) const override { return product(x, weight_, bias_); }
};

class DeviceLinear final : public DenseLinear {
 public:
  using DenseLinear::DenseLinear;
  at::Tensor run(const at::Tensor& x) const override {
    return bias_.defined() ? at::linear(x, weight_, bias_) : at::linear(x, weight_);
  }
};

}  // namespace

std::unique_ptr<Linear> make_fp32_linear(const at::Tensor& weight, const at::Tensor& bias) {
  return std::make_unique<Fp32Linear>(weight, bias);
}

std::unique_ptr<Linear> make_device_linear(const at::Tensor& weight, const at::Tensor& bias) {
  return std::make_unique<DeviceLinear>(weight, bias);
}

}  // namespace inferbench::torch_backend
