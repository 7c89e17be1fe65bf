// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <utility>

namespace inferbench::mlx_backend {
namespace {

// MLX's quantize returned a tuple before it had formats without biases.
template <typename Parts>
void set_quantized(Linear& linear, Parts parts) {
  if constexpr (requires { std::get<2>(parts); }) {
    linear.weight = std::get<0>(parts);
    linear.scales = std::get<1>(parts);
    linear.biases = std::get<2>(parts);
  } else {
    linear.weight = parts.at(0);
    linear.scales = parts.at(1);
    linear.biases = parts.at(2);
  }
}

}  // namespace

std::uint64_t Linear::bytes() const {
  return bytes_of(weight) + bytes_of(scales) + bytes_of(biases) + bytes_of(bias);
}

mx::array Linear::run(const mx::array& x) const {
  if (!scales) {
    const mx::array transposed = mx::transpose(*weight);
    return bias ? mx::addmm(*bias, x, transposed) : mx::matmul(x, transposed);
  }
  const mx::array y = mx::quantized_matmul(x, *weight, *scales, *biases, true, group_size, bits);
  return bias ? mx::add(y, *bias) : y;
}

mx::array Linear::rows(const mx::array& ids, mx::Dtype dtype) const {
  const mx::array taken = mx::take(*weight, ids, 0);
  if (!scales) return mx::astype(taken, dtype);
  const mx::array values =
      mx::dequantize(taken, mx::take(*scales, ids, 0), mx::take(*biases, ids, 0), group_size, bits);
  return mx::astype(values, dtype);
}

Linear pack_linear(const mx::array& weight, const MaybeArray& bias, const Format& format) {
  Linear linear;
  if (bias) linear.bias = mx::astype(*bias, format.dtype);
  const mx::array typed = mx::astype(weight, format.dtype);
  if (format.bits != 0 && weight.shape(1) % format.group_size == 0) {
    linear.bits = format.bits;
    linear.group_size = format.group_size;
    set_quantized(linear, mx::quantize(typed, format.group_size, format.bits));
    mx::eval(*linear.weight, *linear.scales, *linear.biases);
  } else {
    linear.weight = typed;
    mx::eval(*linear.weight);
  }
  if (linear.bias) mx::eval(*linear.bias);
  return linear;
}

}  // namespace inferbench::mlx_backend
