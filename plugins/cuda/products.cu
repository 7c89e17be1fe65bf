// SPDX-License-Identifier: Apache-2.0
//
// The backend's own products of many rows: for fp32, and where cuBLASLt is not found. And quantized weights as plain
// ones.
#include "cuda_call.hpp"
#include "kernel_math.cuh"
#include "multiply.cuh"
#include "rows.hpp"
#include "step_ring.cuh"
#include "value_type.hpp"
#include "weight_codes.cuh"

namespace inferbench::cuda_backend {
namespace {

// ---- 16 bits ----

constexpr int kTile = 64;   // rows and outputs of a block
constexpr int kDepth = 64;  // inputs of a step
constexpr int kPitch = kDepth + kRowPad;
constexpr int kProductThreads = 128;

__device__ __forceinline__ void copy_async(void* to, const void* from, bool is_there) {
  const int bytes = is_there ? 16 : 0;  // the rest of the 16 is filled with zeros
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(bytes)
               : "memory");
}

/// [kTile][kDepth] of a matrix to shared memory.
template <typename T>
__device__ void copy_tile(T* to, const T* from, std::int64_t stride, int first_row, int n_rows, int first_input) {
  constexpr int kVectors = kTile * kDepth / 8;
  for (int i = static_cast<int>(threadIdx.x); i < kVectors; i += kProductThreads) {
    const int row = i / (kDepth / 8);
    const int column = i % (kDepth / 8) * 8;
    const bool is_there = first_row + row < n_rows;
    const std::int64_t at = static_cast<std::int64_t>(is_there ? first_row + row : 0) * stride + first_input + column;
    copy_async(to + row * kPitch + column, from + at, is_there);
  }
}

template <typename T>
__device__ void store_result(const Product& p, int row, int output, float value) {
  if (row >= p.rows || output >= p.outputs) return;
  if (p.bias != nullptr) value += p.bias[output];
  const std::int64_t at = static_cast<std::int64_t>(row) * p.y_stride + output;
  if (p.y_format == Format::kF32) {
    float* y = static_cast<float*>(p.y) + at;
    *y = p.accumulate ? *y + value : value;
  } else {
    static_cast<T*>(p.y)[at] = as_value<T>(value);
  }
}

// 4 warps, each 32 rows by 32 outputs. Inputs are taken in the order that formats.hpp describes, for both operands.
template <typename T>
__global__ void __launch_bounds__(kProductThreads) product16(Product p) {
  __shared__ __align__(16) T xs[2][kTile * kPitch];
  __shared__ __align__(16) T ws[2][kTile * kPitch];
  const int first_output = static_cast<int>(blockIdx.x) * kTile;
  const int first_row = static_cast<int>(blockIdx.y) * kTile;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int row0 = warp / 2 * 32;
  const int output0 = warp % 2 * 32;
  const T* x = static_cast<const T*>(p.x);
  const T* w = static_cast<const T*>(p.w);
  float sum[2][4][4] = {};
  const int n_steps = p.inputs / kDepth;
  const auto copy_step = [&](int step) {
    copy_tile(xs[step % 2], x, p.x_stride, first_row, p.rows, step * kDepth);
    copy_tile(ws[step % 2], w, p.w_stride, first_output, p.outputs, step * kDepth);
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  copy_step(0);
  for (int step = 0; step < n_steps; ++step) {
    if (step + 1 < n_steps) {
      copy_step(step + 1);
      asm volatile("cp.async.wait_group 1;" ::: "memory");
    } else {
      asm volatile("cp.async.wait_group 0;" ::: "memory");
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; k += 32) {
      const int at = lane % 4 * 8 + k;
      uint4 a[2][2];
      uint4 b[4];
#pragma unroll
      for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          a[m][half] =
              *reinterpret_cast<const uint4*>(xs[step % 2] + (row0 + m * 16 + half * 8 + lane / 4) * kPitch + at);
        }
      }
#pragma unroll
      for (int n = 0; n < 4; ++n) {
        b[n] = *reinterpret_cast<const uint4*>(ws[step % 2] + (output0 + n * 8 + lane / 4) * kPitch + at);
      }
#pragma unroll
      for (int m = 0; m < 2; ++m) {
#pragma unroll
        for (int n = 0; n < 4; ++n) {
          multiply<T>(sum[m][n], a[m][0].x, a[m][1].x, a[m][0].y, a[m][1].y, b[n].x, b[n].y);
          multiply<T>(sum[m][n], a[m][0].z, a[m][1].z, a[m][0].w, a[m][1].w, b[n].z, b[n].w);
        }
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int m = 0; m < 2; ++m) {
#pragma unroll
    for (int n = 0; n < 4; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const int row = first_row + row0 + m * 16 + i / 2 * 8 + lane / 4;
        store_result<T>(p, row, first_output + output0 + n * 8 + lane % 4 * 2 + i % 2, sum[m][n][i]);
      }
    }
  }
}

// ---- fp32 ----

constexpr int kFloatDepth = 16;
constexpr int kFloatThreads = 256;  // each 4 rows by 4 outputs

__global__ void __launch_bounds__(kFloatThreads) product32(Product p) {
  __shared__ float xs[kFloatDepth][kTile + 1];
  __shared__ float ws[kFloatDepth][kTile + 1];
  const int first_output = static_cast<int>(blockIdx.x) * kTile;
  const int first_row = static_cast<int>(blockIdx.y) * kTile;
  const float* x = static_cast<const float*>(p.x);
  const float* w = static_cast<const float*>(p.w);
  const int my_row = static_cast<int>(threadIdx.x) / 16 * 4;
  const int my_output = static_cast<int>(threadIdx.x) % 16 * 4;
  float sum[4][4] = {};
  for (int begin = 0; begin < p.inputs; begin += kFloatDepth) {
    for (int i = static_cast<int>(threadIdx.x); i < kTile * kFloatDepth; i += kFloatThreads) {
      const int row = i / kFloatDepth;
      const int k = i % kFloatDepth;
      const bool has_row = first_row + row < p.rows;
      const bool has_output = first_output + row < p.outputs;
      xs[k][row] = has_row ? x[static_cast<std::int64_t>(first_row + row) * p.x_stride + begin + k] : 0.0F;
      ws[k][row] = has_output ? w[static_cast<std::int64_t>(first_output + row) * p.w_stride + begin + k] : 0.0F;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kFloatDepth; ++k) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] += xs[k][my_row + i] * ws[k][my_output + j];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) store_result<float>(p, first_row + my_row + i, first_output + my_output + j, sum[i][j]);
  }
}

// ---- quantized weights ----

constexpr int kTileWarps = 8;  // of a block, each with a tile

template <Format kFormat>
__global__ void __launch_bounds__(kTileWarps* kWarp)
    dequantize_tiles(MatrixShape shape, const std::byte* from, __nv_bfloat16* to) {
  const int across = shape.padded_inputs / kTileInputs;
  const int index = static_cast<int>(blockIdx.x) * kTileWarps + static_cast<int>(threadIdx.x) / kWarp;
  const int row_tile = index / across;
  if (row_tile >= shape.row_tiles) return;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  LaneCodes<kFormat> codes[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    codes[half].load(from + static_cast<std::int64_t>(index) * tile_bytes(kFormat), half);
  }
  __nv_bfloat16* rows = to + (static_cast<std::int64_t>(row_tile) * kTileRows + lane / 4) * shape.padded_inputs +
                        (index - row_tile * across) * kTileInputs + lane % 4 * 8;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int j = 0; j < kTileInputs / 32; ++j) {
      *reinterpret_cast<uint4*>(rows + static_cast<std::int64_t>(half) * 8 * shape.padded_inputs + j * 32) =
          codes[half].values(j);
    }
  }
}

}  // namespace

void run_product(const Product& product, cudaStream_t stream) {
  Product p = product;
  p.inputs = static_cast<std::int32_t>(round_up(p.inputs, kPlainInputs));
  const dim3 grid(static_cast<unsigned>((p.outputs + kTile - 1) / kTile),
                  static_cast<unsigned>((p.rows + kTile - 1) / kTile));
  if (p.values == Format::kF32) {
    product32<<<grid, kFloatThreads, 0, stream>>>(p);
  } else if (p.values == Format::kF16) {
    product16<__half><<<grid, kProductThreads, 0, stream>>>(p);
  } else {
    product16<__nv_bfloat16><<<grid, kProductThreads, 0, stream>>>(p);
  }
  check_launch("a product");
}

void dequantize(const MatrixShape& shape, const void* from, void* to, cudaStream_t stream) {
  const int tiles = shape.row_tiles * (shape.padded_inputs / kTileInputs);
  const auto blocks = static_cast<unsigned>((tiles + kTileWarps - 1) / kTileWarps);
  const auto launch = [&](auto kernel) {
    kernel<<<blocks, kTileWarps * kWarp, 0, stream>>>(shape, static_cast<const std::byte*>(from),
                                                      static_cast<__nv_bfloat16*>(to));
  };
  shape.format == Format::kInt8 ? launch(dequantize_tiles<Format::kInt8>) : launch(dequantize_tiles<Format::kInt4>);
  check_launch("dequantizing");
}

}  // namespace inferbench::cuda_backend
