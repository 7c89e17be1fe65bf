// SPDX-License-Identifier: Apache-2.0
#include "model/mlx_quantized.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "inferbench/backend_values.hpp"
#include "model/in_quotes.hpp"
#include "model/safetensors_layout.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

constexpr std::array<std::int64_t, 6> kMlxBits = {2, 3, 4, 5, 6, 8};

[[noreturn]] void fail_mlx(const SafetensorsFile& file, const SafetensorsTensor& tensor, const std::string& what) {
  throw Error(fmt::format("{}: tensor {}: {}", file.path().string(), in_quotes(tensor.name), what),
              "fetch the folder again, or convert the model again with mlx_lm.convert");
}

void require_shape(const SafetensorsFile& file, const SafetensorsTensor& tensor, std::uint64_t rows) {
  if (tensor.shape.size() == 2 && tensor.shape[0] == rows && tensor.shape[1] > 0) return;
  fail_mlx(file, tensor,
           fmt::format("shape {}, but a matrix of {} was expected", shape_text(tensor.shape), counted(rows, "row")));
}

std::int32_t scale_dtype(const SafetensorsFile& file, const SafetensorsTensor& tensor) {
  if (tensor.dtype == "F32") return IB_DTYPE_F32;
  if (tensor.dtype == "F16") return IB_DTYPE_F16;
  if (tensor.dtype == "BF16") return IB_DTYPE_BF16;
  fail_mlx(file, tensor, fmt::format("dtype {} of scales is not supported", tensor.dtype));
}

// A value of any alignment.
float scale_at(std::span<const std::byte> values, std::int32_t dtype, std::size_t i) {
  const std::size_t size = dtype == IB_DTYPE_F32 ? 4 : 2;
  std::uint32_t bits = 0;
  std::memcpy(&bits, values.data() + i * size, size);
  if (dtype == IB_DTYPE_F32) return std::bit_cast<float>(bits);
  const auto half = static_cast<std::uint16_t>(bits);
  return dtype == IB_DTYPE_F16 ? float_of_f16(half) : float_of_bf16(half);
}

}  // namespace

void MlxMatrix::dequantize_row(std::int64_t row, float* out) const {
  const auto row_bytes = static_cast<std::size_t>(inputs * bits / 8);
  const auto n_groups = static_cast<std::size_t>(inputs / group);
  const std::byte* next = packed.data() + static_cast<std::size_t>(row) * row_bytes;
  std::uint64_t window = 0;  // bits that were read and not used
  std::int32_t n_window = 0;
  for (std::size_t g = 0; g < n_groups; ++g) {
    const std::size_t at = static_cast<std::size_t>(row) * n_groups + g;
    const float scale = scale_at(scales, dtype, at);
    const float bias = scale_at(biases, dtype, at);
    for (std::int64_t i = 0; i < group; ++i) {
      if (n_window < bits) {
        window |= std::to_integer<std::uint64_t>(*next++) << static_cast<unsigned>(n_window);
        n_window += 8;
      }
      const auto q = static_cast<std::uint32_t>(window & ((std::uint64_t{1} << static_cast<unsigned>(bits)) - 1));
      window >>= static_cast<unsigned>(bits);
      n_window -= bits;
      *out++ = scale * static_cast<float>(q) + bias;
    }
  }
}

MlxMatrix read_mlx_matrix(const MlxTensors& tensors, const StoredTensor& stored) {
  const SafetensorsTensor& weight = *tensors.weight;
  const SafetensorsTensor& scales = *tensors.scales;
  if (weight.dtype != "U32") {
    fail_mlx(*tensors.file, weight, fmt::format("dtype {}, but packed weights are U32", weight.dtype));
  }
  if (stored.shape.size() != 2) fail_mlx(*tensors.file, weight, "a quantized vector is not supported");
  const auto rows = static_cast<std::uint64_t>(stored.shape[0]);
  const auto inputs = static_cast<std::uint64_t>(stored.shape[1]);
  require_shape(*tensors.file, weight, rows);
  require_shape(*tensors.scales_file, scales, rows);
  if (tensors.biases->shape != scales.shape || tensors.biases->dtype != scales.dtype) {
    fail_mlx(*tensors.biases_file, *tensors.biases, "shape or dtype differs from that of the scales");
  }
  const std::uint64_t n_bits = weight.shape[1] <= inputs ? weight.shape[1] * 32 : 0;
  const auto bits = static_cast<std::int64_t>(n_bits / inputs);
  if (n_bits % inputs != 0 || std::find(kMlxBits.begin(), kMlxBits.end(), bits) == kMlxBits.end()) {
    fail_mlx(*tensors.file, weight,
             fmt::format("shape {} does not hold rows of {} of 2, 3, 4, 5, 6 or 8 bits", shape_text(weight.shape),
                         counted(inputs, "value")));
  }
  if (inputs % scales.shape[1] != 0) {
    fail_mlx(*tensors.scales_file, scales,
             fmt::format("shape {} does not cut rows of {} into groups", shape_text(scales.shape),
                         counted(inputs, "value")));
  }
  MlxMatrix matrix;
  matrix.packed = tensors.file->bytes(weight);
  matrix.scales = tensors.scales_file->bytes(scales);
  matrix.biases = tensors.biases_file->bytes(*tensors.biases);
  matrix.dtype = scale_dtype(*tensors.scales_file, scales);
  matrix.rows = stored.shape[0];
  matrix.inputs = stored.shape[1];
  matrix.group = static_cast<std::int64_t>(inputs / scales.shape[1]);
  matrix.bits = static_cast<std::int32_t>(bits);
  return matrix;
}

}  // namespace inferbench
