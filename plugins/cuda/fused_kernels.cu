// SPDX-License-Identifier: Apache-2.0
#include "cuda_call.hpp"
#include "fused_kernels.hpp"
#include "launch.cuh"
#include "step_norm.cuh"
#include "value_type.hpp"

namespace inferbench::cuda_backend {
namespace {

constexpr int kRowThreads = 256;
constexpr int kRowWarps = kRowThreads / kWarp;
constexpr int kRowVector = 4 * kRowThreads;  // values that all threads hold in one vector each

/// `parts`: shared memory, kRowWarps floats that no other sum of the kernel uses.
__device__ __forceinline__ float sum_of_row(float x, float* parts) {
  x = warp_sum(x);
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = x;
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int w = 0; w < kRowWarps; ++w) sum += parts[w];
  return sum;
}

/// A row over the threads of a block: each holds kVectors vectors of 4 values, kRowVector apart.
template <int kVectors>
struct RowVectors {
  float4 x[kVectors];

  static __device__ int at(int j) { return 4 * static_cast<int>(threadIdx.x) + j * kRowVector; }

  /// `parts`: 2 kRowWarps floats. First the mean, then the variance: outliers would cost the difference of squares its
  /// accuracy.
  __device__ NormFactors factors(const Shape& shape, float* parts) const {
    float mean = 0;
    if (shape.norm == IB_NORM_LAYER) {
      float sum = 0;
#pragma unroll
      for (int j = 0; j < kVectors; ++j) sum += moments(j, 0, shape).sum;
      mean = sum_of_row(sum, parts) / static_cast<float>(shape.hidden);
    }
    Moments all;
#pragma unroll
    for (int j = 0; j < kVectors; ++j) all.squares += moments(j, mean, shape).squares;
    all.squares = sum_of_row(all.squares, parts + kRowWarps);
    return NormFactors(all, mean, shape);
  }

 private:
  __device__ Moments moments(int j, float shift, const Shape& shape) const {
    Moments moments;
    if (at(j) < shape.hidden) moments.add(x[j], shift, at(j), shape.hidden);
    return moments;
  }
};

/// The weights of a norm, fetched ahead.
template <int kVectors>
struct NormVectors {
  float4 weight[kVectors];
  float4 bias[kVectors];

  __device__ NormVectors(const NormWeights& norm, const Shape& shape) {
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      const int i = RowVectors<kVectors>::at(j);
      if (i >= shape.hidden) continue;
      weight[j] = weight_at(norm, i);
      bias[j] = bias_at(norm, i);
    }
  }
};

template <typename T, int kVectors>
__device__ __forceinline__ void store_normed(const RowVectors<kVectors>& row, const NormVectors<kVectors>& norm,
                                             const Shape& shape, float* parts, T* y, int stride) {
  const NormFactors by = row.factors(shape, parts);
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    const int i = row.at(j);
    if (i < stride) store4(y + i, i < shape.hidden ? by.apply(row.x[j], norm.weight[j], norm.bias[j]) : float4{});
  }
}

/// In memory of the host, which takes microseconds to read: so every block reads for itself what it needs.
struct HostLists {
  const std::int32_t* data;
  int n;
};

template <typename T, int kVectors>
__global__ void __launch_bounds__(kRowThreads)
    embed_and_norm(ModelData model, HostLists host, RowList rows, NormWeights norm, float* x, RowsOf y) {
  __shared__ float parts[2 * kRowWarps];
  let_successor_begin();
  const auto row = static_cast<int>(blockIdx.x);
  const Shape& shape = model.shape;
  const NormVectors<kVectors> weights(norm, shape);
  const std::int64_t position_list = rows.positions - rows.tokens;
  const StepRow source{host.data[row], host.data[position_list + row], 0, 0};
  wait_for_predecessors();
  const int n_threads = static_cast<int>(gridDim.x) * kRowThreads;
  for (int i = row * kRowThreads + static_cast<int>(threadIdx.x); i < host.n; i += n_threads) {
    rows.tokens[i] = host.data[i];
  }
  const Embedding<T> embedding(model, source);
  RowVectors<kVectors> mine;
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    const int i = mine.at(j);
    mine.x[j] = i < shape.hidden ? embedding.load(i) : float4{};
    if (i < shape.hidden_stride) {
      *reinterpret_cast<float4*>(x + static_cast<std::int64_t>(row) * shape.hidden_stride + i) = mine.x[j];
    }
  }
  store_normed(mine, weights, shape, parts, static_cast<T*>(y.data) + static_cast<std::int64_t>(row) * y.stride,
               y.stride);
}

template <typename T, int kVectors>
__global__ void __launch_bounds__(kRowThreads)
    add_and_norm(Shape shape, DeltaParts delta, NormWeights post, NormWeights norm, const std::int32_t* pick, float* x,
                 RowsOf y) {
  __shared__ float parts[4 * kRowWarps];
  let_successor_begin();
  const NormVectors<kVectors> weights(norm, shape);
  wait_for_predecessors();
  const int to = static_cast<int>(blockIdx.x);
  const std::int64_t from = static_cast<std::int64_t>(pick != nullptr ? pick[to] : to) * shape.hidden_stride;
  RowVectors<kVectors> mine;
  RowVectors<kVectors> sum{};
  const bool keeps_sum = pick == nullptr && delta.n != 0;
  const auto vector_at = [&](const float* data, int j) {
    return mine.at(j) < shape.hidden_stride ? __ldcg(reinterpret_cast<const float4*>(data + from + mine.at(j)))
                                            : float4{};
  };
#pragma unroll
  for (int j = 0; j < kVectors; ++j) mine.x[j] = vector_at(x, j);
  constexpr int kTogether = 8 / kVectors * 2;  // parts whose values are all on their way before the first is added
#pragma unroll 1
  for (int first = 0; first < delta.n; first += kTogether) {
    RowVectors<kVectors> of[kTogether];
#pragma unroll
    for (int p = 0; p < kTogether; ++p) {
#pragma unroll
      for (int j = 0; j < kVectors; ++j) {
        of[p].x[j] = first + p < delta.n ? vector_at(delta.data + (first + p) * delta.stride, j) : float4{};
      }
    }
#pragma unroll
    for (int p = 0; p < kTogether; ++p) {
#pragma unroll
      for (int j = 0; j < kVectors; ++j) sum.x[j] = plus(sum.x[j], of[p].x[j]);
    }
  }
  if (post.weight != nullptr) {
    const NormFactors by = sum.factors(shape, parts + 2 * kRowWarps);
    const NormVectors<kVectors> post_weights(post, shape);
#pragma unroll
    for (int j = 0; j < kVectors; ++j) {
      if (mine.at(j) < shape.hidden) sum.x[j] = by.apply(sum.x[j], post_weights.weight[j], post_weights.bias[j]);
    }
  }
#pragma unroll
  for (int j = 0; j < kVectors; ++j) {
    mine.x[j] = plus(mine.x[j], sum.x[j]);
    if (keeps_sum && mine.at(j) < shape.hidden_stride) {
      *reinterpret_cast<float4*>(x + from + mine.at(j)) = mine.x[j];
    }
  }
  store_normed(mine, weights, shape, parts, static_cast<T*>(y.data) + static_cast<std::int64_t>(to) * y.stride,
               y.stride);
}

/// Calls use<T, kVectors>() with the type of 16-bit values and the vectors that a row of the model needs.
template <typename Use>
void with_row_type(const ModelData& model, Use use) {
  const auto by_size = [&]<typename T>() {
    const std::int32_t vectors = (model.shape.hidden_stride + kRowVector - 1) / kRowVector;
    switch (vectors) {
      case 1:
        return use.template operator()<T, 1>();
      case 2:
        return use.template operator()<T, 2>();
      default:
        return use.template operator()<T, kMostFusedHidden / kRowVector>();
    }
  };
  if (model.values == Format::kF16) {
    by_size.template operator()<__half>();
  } else {
    by_size.template operator()<__nv_bfloat16>();
  }
}

}  // namespace

void begin_rows(const ModelData& model, const std::int32_t* host_lists, std::size_t n_list, const RowList& rows,
                const NormWeights& norm, float* x, RowsOf y, cudaStream_t stream) {
  const HostLists host{host_lists, static_cast<int>(n_list)};
  with_row_type(model, [&]<typename T, int kVectors>() {
    launch_early("embedding tokens", embed_and_norm<T, kVectors>, dim3(static_cast<unsigned>(rows.n_rows)), kRowThreads,
                 0, stream, model, host, rows, norm, x, y);
  });
}

void add_and_norm_rows(const ModelData& model, const DeltaParts& delta, const NormWeights& post,
                       const NormWeights& norm, const std::int32_t* pick, float* x, RowsOf y, std::int32_t n,
                       cudaStream_t stream) {
  with_row_type(model, [&]<typename T, int kVectors>() {
    launch_early("a norm", add_and_norm<T, kVectors>, dim3(static_cast<unsigned>(n)), kRowThreads, 0, stream,
                 model.shape, delta, post, norm, pick, x, y);
  });
}

}  // namespace inferbench::cuda_backend
