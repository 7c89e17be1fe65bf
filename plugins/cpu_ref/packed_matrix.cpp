// SPDX-License-Identifier: Apache-2.0
#include "packed_matrix.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace inferbench::cpu_ref {
namespace {

float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// IEEE binary16. Shifted into place, the exponent is too small by 112, which a multiplication by 2^112 mends, for
// subnormals too (it is exact); infinities and NaN then still lack the rest of their exponent.
float from_f16(std::uint16_t bits) {
  constexpr float kTwoTo112 = 0x1p112F;
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(bits & 0x7fffU) << 13;
  const std::uint32_t finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * kTwoTo112);
  const std::uint32_t special = magnitude | 0x7f800000U;
  return std::bit_cast<float>(sign | ((bits & 0x7c00U) == 0x7c00U ? special : finite));
}

template <class Convert>
void convert_halves(const ib_tensor& tensor, std::int64_t begin, std::int64_t n, float* out, Convert one) {
  const auto* from = static_cast<const std::uint16_t*>(tensor.data) + begin;
  for (std::int64_t i = 0; i < n; ++i) out[i] = one(from[i]);
}

}  // namespace

void convert(const ib_tensor& tensor, std::int64_t begin, std::int64_t n, float* out) {
  switch (tensor.dtype) {
    case IB_DTYPE_F16:
      return convert_halves(tensor, begin, n, out, from_f16);
    case IB_DTYPE_BF16:
      return convert_halves(tensor, begin, n, out, from_bf16);
    default:
      std::memcpy(out, static_cast<const float*>(tensor.data) + begin, static_cast<std::size_t>(n) * sizeof(float));
  }
}

void pack_panel(const ib_tensor& tensor, const PackedMatrix& matrix, std::int64_t p) {
  float* panel = matrix.data + p * matrix.inputs * kPanel;
  const std::int64_t columns = matrix.columns(p);
  for (std::int64_t k = 0; k < matrix.inputs; ++k) {
    convert(tensor, k * matrix.outputs + p * kPanel, columns, panel + k * kPanel);
    std::fill(panel + k * kPanel + columns, panel + (k + 1) * kPanel, 0.0F);
  }
}

void pack_panel_transposed(const ib_tensor& tensor, const PackedMatrix& matrix, std::int64_t p) {
  constexpr std::int64_t kStep = 64;  // inputs at a time: the part of the panel that is written stays in the L1 cache
  float* panel = matrix.data + p * matrix.inputs * kPanel;
  const std::int64_t columns = matrix.columns(p);
  for (std::int64_t k0 = 0; k0 < matrix.inputs; k0 += kStep) {
    const std::int64_t n = std::min(kStep, matrix.inputs - k0);
    float row[kStep];
    for (std::int64_t j = 0; j < kPanel; ++j) {
      if (j < columns) {
        convert(tensor, (p * kPanel + j) * matrix.inputs + k0, n, row);
      } else {
        std::fill(row, row + n, 0.0F);
      }
      for (std::int64_t k = 0; k < n; ++k) panel[(k0 + k) * kPanel + j] = row[k];
    }
  }
}

}  // namespace inferbench::cpu_ref
