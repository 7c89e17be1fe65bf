// SPDX-License-Identifier: Apache-2.0
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

#include "cuda_call.hpp"
#include "formats.hpp"
#include "weight_upload.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr std::uint64_t kMostStaged = std::uint64_t{256} << 20U;
constexpr std::uint64_t kLeastStaged = std::uint64_t{4} << 20U;
constexpr int kThreads = 256;

/// A rectangle of a tensor in device memory: element [i, j] at i * strides[0] + j * strides[1].
struct Staged {
  const void* data;
  std::int32_t dtype;
  std::int64_t strides[2];
  std::int64_t rows;
  std::int64_t columns;
};

__device__ float value_at(const void* data, std::int32_t dtype, std::int64_t i) {
  if (dtype == IB_DTYPE_F32) return static_cast<const float*>(data)[i];
  if (dtype == IB_DTYPE_F16) return __half2float(static_cast<const __half*>(data)[i]);
  return __bfloat162float(static_cast<const __nv_bfloat16*>(data)[i]);
}

__device__ void store_as(Format format, void* to, std::int64_t i, float value) {
  if (format == Format::kF32) {
    static_cast<float*>(to)[i] = value;
  } else if (format == Format::kF16) {
    static_cast<__half*>(to)[i] = __float2half(value);
  } else {
    static_cast<__nv_bfloat16*>(to)[i] = __float2bfloat16(value);
  }
}

// Neighbouring threads take what is neighbouring in the source.
__global__ void convert(Staged from, Format format, void* to, std::int64_t stride, RowPlace place,
                        std::int64_t first_column) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= from.rows * from.columns) return;
  const bool by_rows = from.strides[1] <= from.strides[0];
  const std::int64_t row = by_rows ? i / from.columns : i % from.rows;
  const std::int64_t column = by_rows ? i % from.columns : i / from.rows;
  const std::int64_t to_row = place.gated < 0 ? place.first + row : gated_row(place.first + row, place.gated);
  store_as(format, to, to_row * stride + first_column + column,
           value_at(from.data, from.dtype, row * from.strides[0] + column * from.strides[1]));
}

template <int kBits>
__global__ void quantize_groups(const float* from, MatrixShape shape, std::byte* to) {
  const std::int64_t groups_per_row = shape.padded_inputs / kGroup;
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= groups_per_row * shape.row_tiles * kTileRows) return;
  const auto row = static_cast<std::int32_t>(i / groups_per_row);
  const std::int64_t input = i % groups_per_row * kGroup;
  Group<kBits> group;
  quantize<kBits>(from + row * static_cast<std::int64_t>(shape.padded_inputs) + input, group);

  constexpr std::int64_t kTile = kBits == 8 ? kInt8TileBytes : kInt4TileBytes;
  const std::int64_t tile =
      static_cast<std::int64_t>(row / kTileRows) * (shape.padded_inputs / kTileInputs) + input / kTileInputs;
  std::byte* at = to + tile * kTile;
  const std::int32_t in_tile = static_cast<std::int32_t>(input % kTileInputs);
  const std::int32_t r = row % kTileRows;
  for (std::int32_t k = 0; k < kGroup; k += 8) {
    if constexpr (kBits == 8) {
      for (std::int32_t j = 0; j < 8; ++j) {
        at[int8_place(r, in_tile + k + j)] = static_cast<std::byte>(group.codes[k + j]);
      }
    } else {
      std::uint32_t word = 0;
      for (std::int32_t j = 0; j < 8; ++j) {
        word |= static_cast<std::uint32_t>(group.codes[k + j] + 8) << (4 * int4_nibble(in_tile + k + j));
      }
      reinterpret_cast<std::uint32_t*>(at)[int4_word(r, in_tile + k)] = word;
    }
  }
  auto* scales = reinterpret_cast<std::uint16_t*>(at + kTile - kScaleBytes);
  scales[scale_place(r, in_tile)] = static_cast<std::uint16_t>(bits_of(group.scale) >> 16U);
}

__device__ float weight_at(const void* data, const MatrixShape& shape, std::int64_t row, std::int32_t input) {
  if (!is_quantized(shape.format)) {
    const std::int32_t dtype = shape.format == Format::kF32   ? IB_DTYPE_F32
                               : shape.format == Format::kF16 ? IB_DTYPE_F16
                                                              : IB_DTYPE_BF16;
    return value_at(data, dtype, row * shape.padded_inputs + input);
  }
  const std::int64_t tile = row / kTileRows * (shape.padded_inputs / kTileInputs) + input / kTileInputs;
  const auto* at = static_cast<const std::byte*>(data) + tile * tile_bytes(shape.format);
  const auto r = static_cast<std::int32_t>(row % kTileRows);
  const std::int32_t i = input % kTileInputs;
  const auto* scales = reinterpret_cast<const std::uint16_t*>(at + tile_bytes(shape.format) - kScaleBytes);
  const float scale = float_of(std::uint32_t{scales[scale_place(r, i)]} << 16U);
  if (shape.format == Format::kInt8) {
    return scale * static_cast<float>(static_cast<std::int8_t>(at[int8_place(r, i)]));
  }
  const std::uint32_t word = reinterpret_cast<const std::uint32_t*>(at)[int4_word(r, i)];
  return scale * (static_cast<float>(word >> (4 * int4_nibble(i)) & 15U) - 8.0F);
}

/// A warp has a row.
__global__ void fold_norm(Matrix matrix, MatrixShape shape, NormWeights norm) {
  const std::int64_t row = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
  if (row >= shape.rows) return;
  float weighted = 0;
  float biased = 0;
  for (auto i = static_cast<std::int32_t>(threadIdx.x % 32); i < shape.inputs; i += 32) {
    const float weight = weight_at(matrix.data, shape, row, i);
    weighted += weight * norm.weight[i];
    biased += weight * norm.bias[i];
  }
  for (int offset = 16; offset > 0; offset /= 2) {
    weighted += __shfl_xor_sync(0xffffffffU, weighted, offset);
    biased += __shfl_xor_sync(0xffffffffU, biased, offset);
  }
  if (threadIdx.x % 32 == 0) {
    matrix.folded[row] = make_float2(weighted, biased + (matrix.bias != nullptr ? matrix.bias[row] : 0.0F));
  }
}

unsigned blocks_for(std::int64_t threads) {
  return static_cast<unsigned>((threads + kThreads - 1) / kThreads);
}

std::uint64_t element_bytes(const ib_tensor& tensor) {
  return tensor.dtype == IB_DTYPE_F32 ? 4 : 2;
}

}  // namespace

const void* WeightUpload::stage(const void* data, std::uint64_t bytes) {
  if (staging_.bytes() < bytes) {
    staging_ = DeviceBuffer();  // the old one is freed first
    staging_ = DeviceBuffer(std::max(bytes, kLeastStaged), "staging");
  }
  check(cudaMemcpyAsync(staging_.data(), data, bytes, cudaMemcpyHostToDevice, stream_), "copying weights");
  return staging_.data();
}

// The tensor is cut along its larger stride, so that each part is one piece of memory. GPT-2's fused projections are
// copied with what lies between their values.
void WeightUpload::rows(const ib_tensor& tensor, Format format, void* to, std::int64_t stride, RowPlace place) {
  const std::int64_t n[2] = {tensor.shape[0], tensor.rank == 2 ? tensor.shape[1] : 1};
  const std::int64_t strides[2] = {tensor.strides[0], tensor.rank == 2 ? tensor.strides[1] : 1};
  const int along = tensor.rank == 2 && strides[1] > strides[0] ? 1 : 0;
  const std::uint64_t size = element_bytes(tensor);
  const auto per_step = static_cast<std::uint64_t>(strides[along]) * size;
  const std::int64_t most = std::max<std::int64_t>(1, static_cast<std::int64_t>(kMostStaged / per_step));
  for (std::int64_t begin = 0; begin < n[along]; begin += most) {
    const std::int64_t count = std::min(most, n[along] - begin);
    const auto last =
        static_cast<std::uint64_t>((count - 1) * strides[along] + (n[1 - along] - 1) * strides[1 - along]);
    const auto* data = static_cast<const std::byte*>(tensor.data) + static_cast<std::uint64_t>(begin) * per_step;
    Staged part{stage(data, (last + 1) * size), tensor.dtype, {strides[0], strides[1]}, n[0], n[1]};
    RowPlace part_place = place;
    (along == 0 ? part.rows : part.columns) = count;
    if (along == 0) part_place.first += static_cast<std::int32_t>(begin);
    convert<<<blocks_for(part.rows * part.columns), kThreads, 0, stream_>>>(part, format, to, stride, part_place,
                                                                            along == 1 ? begin : 0);
    check_launch("converting weights");
    check(cudaStreamSynchronize(stream_), "converting weights");
  }
}

void WeightUpload::vector(const ib_tensor& tensor, float* to, RowPlace place) {
  rows(tensor, Format::kF32, to, 1, place);
}

float* WeightUpload::begin_quantized(const MatrixShape& shape) {
  const std::uint64_t bytes = static_cast<std::uint64_t>(shape.row_tiles) * kTileRows *
                              static_cast<std::uint64_t>(shape.padded_inputs) * sizeof(float);
  if (unquantized_.bytes() < bytes) {
    unquantized_ = DeviceBuffer();
    unquantized_ = DeviceBuffer(bytes, "weights before quantization");
  }
  check(cudaMemsetAsync(unquantized_.data(), 0, bytes, stream_), "clearing weights");
  return unquantized_.as<float>();
}

void WeightUpload::end_quantized(const MatrixShape& shape, void* to) {
  const std::int64_t groups = static_cast<std::int64_t>(shape.padded_inputs / kGroup) * shape.row_tiles * kTileRows;
  if (shape.format == Format::kInt8) {
    quantize_groups<8>
        <<<blocks_for(groups), kThreads, 0, stream_>>>(unquantized_.as<float>(), shape, static_cast<std::byte*>(to));
  } else {
    quantize_groups<4>
        <<<blocks_for(groups), kThreads, 0, stream_>>>(unquantized_.as<float>(), shape, static_cast<std::byte*>(to));
  }
  check_launch("quantizing weights");
  check(cudaStreamSynchronize(stream_), "quantizing weights");
}

void WeightUpload::fold(const Matrix& matrix, const MatrixShape& shape, const NormWeights& norm) {
  if (matrix.folded == nullptr) return;
  const std::int64_t padded = static_cast<std::int64_t>(shape.row_tiles) * kTileRows;
  check(cudaMemsetAsync(matrix.folded, 0, static_cast<std::size_t>(padded) * sizeof(float2), stream_),
        "folding a norm");
  fold_norm<<<blocks_for(std::int64_t{32} * shape.rows), kThreads, 0, stream_>>>(matrix, shape, norm);
  check_launch("folding a norm");
}

}  // namespace inferbench::cuda_backend
