// SPDX-License-Identifier: Apache-2.0
#include "quantized_linear.hpp"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/native/quantized/PackedParams.h>

#include <algorithm>
#include <string>

#include "inferbench/backend.hpp"

namespace inferbench::torch_backend {
namespace {

using Packed = c10::intrusive_ptr<LinearPackedParamsBase>;

// Smallest scale and range: of a channel or row of zeros.
constexpr double kSmallest = 1e-30;

bool is_supported(at::QEngine engine) {
  const auto& engines = at::globalContext().supportedQEngines();
  return std::find(engines.begin(), engines.end(), engine) != engines.end();
}

Packed pack(at::QEngine engine, const at::Tensor& codes) {
  at::globalContext().setQEngine(engine);
  return c10::Dispatcher::singleton()
      .findSchemaOrThrow("quantized::linear_prepack", "")
      .typed<Packed(at::Tensor, c10::optional<at::Tensor>)>()
      .call(codes, c10::nullopt);
}

class Int8Linear final : public Linear {
 public:
  Int8Linear(at::QEngine engine, const at::Tensor& weight, const at::Tensor& bias)
      // oneDNN's products of 8 by 8 bits may saturate in 16; activations of 7 bits do not.
      : reduce_range_(engine == at::QEngine::ONEDNN), bias_(bias) {
    const at::Tensor scales = weight.abs().amax(1).div_(127).clamp_min_(kSmallest).to(at::kDouble);
    const at::Tensor zero_points = at::zeros({weight.size(0)}, at::kLong);
    packed_ = pack(engine, at::quantize_per_channel(weight, scales, zero_points, 0, at::kQInt8));
    bytes_ = static_cast<std::uint64_t>(weight.numel()) + static_cast<std::uint64_t>(weight.size(0)) * sizeof(float) +
             (bias.defined() ? bias.nbytes() : 0);
  }

  // libtorch chooses one scale for all rows of a call, so that a row's result would hang on the others'. Each row is
  // therefore brought to [-1, 1] first, and two more rows see to it that the range is always just that.
  at::Tensor run(const at::Tensor& x) const override {
    const std::int64_t rows = x.size(0);
    const at::Tensor ranges = x.abs().amax(1, true).clamp_min_(kSmallest);
    at::Tensor even = at::empty({rows + 2, x.size(1)});
    at::Tensor data = even.narrow(0, 0, rows);
    at::div_out(data, x, ranges);
    even.select(0, rows).fill_(1);
    even.select(0, rows + 1).fill_(-1);
    at::Tensor y = packed_->apply_dynamic(std::move(even), reduce_range_).narrow(0, 0, rows);
    y.mul_(ranges);
    return bias_.defined() ? y.add_(bias_) : y;
  }
  std::uint64_t bytes() const override { return bytes_; }

 private:
  bool reduce_range_;
  at::Tensor bias_;
  Packed packed_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Linear> make_int8_linear(at::QEngine engine, const at::Tensor& weight, const at::Tensor& bias) {
  return std::make_unique<Int8Linear>(engine, weight, bias);
}

bool has_int8() noexcept {
  try {
    return is_supported(at::QEngine::QNNPACK) || is_supported(at::QEngine::ONEDNN);
  } catch (...) {
    return false;
  }
}

at::QEngine chosen_engine(std::string_view name) {
  if (name != "onednn" && is_supported(at::QEngine::QNNPACK)) return at::QEngine::QNNPACK;
  if (name != "qnnpack" && is_supported(at::QEngine::ONEDNN)) return at::QEngine::ONEDNN;
  throw Failure(IB_UNSUPPORTED, "this libtorch has no quantized engine '" + std::string(name) + "'");
}

}  // namespace inferbench::torch_backend
