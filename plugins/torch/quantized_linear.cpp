// SPDX-License-Identifier: Apache-2.0
#include "quantized_linear.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/quantized/PackedParams.h>

#include <algorithm>

#include "torch_version.hpp"

namespace inferbench::torch_backend {
namespace {

using Packed = c10::intrusive_ptr<LinearPackedParamsBase>;

// Activations of 7 bits: with 8, sums of two products may saturate in 16 bits, and do.
constexpr bool kReduceRange = true;

// Smallest scale and range: of a channel or row of zeros.
constexpr double kSmallest = 1e-30;

Packed pack(const at::Tensor& codes) {
  at::globalContext().setQEngine(at::QEngine::ONEDNN);
  return c10::Dispatcher::singleton()
      .findSchemaOrThrow("quantized::linear_prepack", "")
      .typed<Packed(at::Tensor, OptionalTensor)>()
      .call(codes, OptionalTensor());
}

class Int8Linear final : public Linear {
 public:
  Int8Linear(const at::Tensor& weight, const at::Tensor& bias) : bias_(bias) {
    const at::Tensor scales = weight.abs().amax(1).div_(127).clamp_min_(kSmallest).to(at::kDouble);
    const at::Tensor zero_points = at::zeros({weight.size(0)}, at::kLong);
    packed_ = pack(at::quantize_per_channel(weight, scales, zero_points, 0, at::kQInt8));
    bytes_ = static_cast<std::uint64_t>(weight.numel()) + static_cast<std::uint64_t>(weight.size(0)) * sizeof(float) +
             (bias.defined() ? bias.nbytes() : 0);
  }

  // libtorch chooses one scale for all rows of a call, so that a row's result would depend on the others. So each row
  // is scaled to [-1, 1] first, and two more rows fix the range that libtorch sees. It is -64 to 63 steps, all that 7
  // bits have around the zero point 64: then 1 and -1 are represented exactly.
  at::Tensor run(const at::Tensor& x) const override {
    const std::int64_t rows = x.size(0);
    const at::Tensor ranges = x.abs().amax(1, true).clamp_min_(kSmallest);
    at::Tensor even = at::empty({rows + 2, x.size(1)});
    at::Tensor data = even.narrow(0, 0, rows);
    at::div_out(data, x, ranges);
    even.select(0, rows).fill_(1);
    even.select(0, rows + 1).fill_(-64.0 / 63);
    at::Tensor y = packed_->apply_dynamic(std::move(even), kReduceRange).narrow(0, 0, rows);
    y.mul_(ranges);
    return bias_.defined() ? y.add_(bias_) : y;
  }
  std::uint64_t bytes() const override { return bytes_; }

 private:
  at::Tensor bias_;
  Packed packed_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Linear> make_int8_linear(const at::Tensor& weight, const at::Tensor& bias) {
  return std::make_unique<Int8Linear>(weight, bias);
}

bool has_int8() noexcept {
  try {
    const auto& engines = at::globalContext().supportedQEngines();
    return std::find(engines.begin(), engines.end(), at::QEngine::ONEDNN) != engines.end();
  } catch (...) {
    return false;
  }
}

}  // namespace inferbench::torch_backend
