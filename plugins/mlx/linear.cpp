// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <utility>

namespace inferbench::mlx_backend {
namespace {

// MLX's quantize returned a tuple before it had formats without biases.
template <typename Parts>
void set_quantized(Matrix& matrix, Parts parts) {
  if constexpr (requires { std::get<2>(parts); }) {
    matrix.weight = std::get<0>(parts);
    matrix.scales = std::get<1>(parts);
    matrix.biases = std::get<2>(parts);
  } else {
    matrix.weight = parts.at(0);
    matrix.scales = parts.at(1);
    matrix.biases = parts.at(2);
  }
}

bool is_same_format(const Matrix& a, const Matrix& b) {
  return a.bits == b.bits && a.group_size == b.group_size && a.weight->dtype() == b.weight->dtype();
}

// The rows of all, in order.
mx::array stacked(const std::vector<Matrix>& matrices, MaybeArray Matrix::*part) {
  std::vector<mx::array> parts;
  for (const Matrix& matrix : matrices) parts.push_back(*(matrix.*part));
  mx::array all = mx::concatenate(std::move(parts), 0);
  mx::eval(all);
  return all;
}

}  // namespace

std::uint64_t Matrix::bytes() const {
  return bytes_of(weight) + bytes_of(scales) + bytes_of(biases);
}

mx::array Matrix::product(const mx::array& x) const {
  if (!scales) return mx::matmul(x, mx::transpose(*weight));
  return mx::quantized_matmul(x, *weight, *scales, *biases, true, group_size, bits);
}

Matrix pack_matrix(const mx::array& weight, const Format& format) {
  Matrix matrix;
  const mx::array typed = mx::astype(weight, format.dtype);
  if (format.bits != 0 && weight.shape(1) % format.group_size == 0) {
    matrix.bits = format.bits;
    matrix.group_size = format.group_size;
    set_quantized(matrix, mx::quantize(typed, format.group_size, format.bits));
    mx::eval(*matrix.weight, *matrix.scales, *matrix.biases);
  } else {
    matrix.weight = typed;
    mx::eval(*matrix.weight);
  }
  return matrix;
}

std::uint64_t Linear::bytes() const {
  std::uint64_t sum = bytes_of(bias);
  for (const Matrix& matrix : matrices) sum += matrix.bytes();
  return sum;
}

mx::array Linear::run(const mx::array& x) const {
  const Matrix& first = matrices.front();
  if (matrices.size() == 1 && !first.scales && bias) return mx::addmm(*bias, x, mx::transpose(*first.weight));
  std::vector<mx::array> parts;
  for (const Matrix& matrix : matrices) parts.push_back(matrix.product(x));
  const mx::array y = parts.size() == 1 ? parts.front() : mx::concatenate(std::move(parts), 1);
  return bias ? mx::add(y, *bias) : y;
}

mx::array Linear::rows(const mx::array& ids, mx::Dtype dtype) const {
  const Matrix& table = matrices.front();
  const mx::array taken = mx::take(*table.weight, ids, 0);
  if (!table.scales) return mx::astype(taken, dtype);
  const mx::array values = mx::dequantize(taken, mx::take(*table.scales, ids, 0), mx::take(*table.biases, ids, 0),
                                          table.group_size, table.bits);
  return mx::astype(values, dtype);
}

Linear join_linear(std::vector<Matrix> matrices, const MaybeArray& bias, mx::Dtype dtype) {
  Linear linear;
  if (bias) {
    linear.bias = mx::astype(*bias, dtype);
    mx::eval(*linear.bias);
  }
  const auto is_as_first = [&](const Matrix& matrix) { return is_same_format(matrix, matrices.front()); };
  if (matrices.size() > 1 && std::all_of(matrices.begin(), matrices.end(), is_as_first)) {
    Matrix joined;
    joined.bits = matrices.front().bits;
    joined.group_size = matrices.front().group_size;
    joined.weight = stacked(matrices, &Matrix::weight);
    if (matrices.front().scales) {
      joined.scales = stacked(matrices, &Matrix::scales);
      joined.biases = stacked(matrices, &Matrix::biases);
    }
    linear.matrices.push_back(std::move(joined));
  } else {
    linear.matrices = std::move(matrices);
  }
  return linear;
}

}  // namespace inferbench::mlx_backend
