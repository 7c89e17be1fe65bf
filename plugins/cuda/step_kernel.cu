// SPDX-License-Identifier: Apache-2.0
//
// A decode step in one launch. See step_plan.hpp for how the weights are streamed; attention and norms have their own
// headers.
#include "cuda_call.hpp"
#include "step.hpp"
#include "step_attention.cuh"
#include "step_norm.cuh"
#include "step_ring.cuh"

namespace inferbench::cuda_backend {
namespace {

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

/// All blocks' consumers meet. What they wrote before is seen by all after it (through __ldcg).
__device__ void sync_grid(unsigned* arrivals, std::uint32_t goal) {
  sync_consumers();
  if (threadIdx.x == 0) {
    asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(arrivals) : "memory");
    std::uint32_t seen = 0;
    do {
      asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(seen) : "l"(arrivals) : "memory");
    } while (static_cast<std::int32_t>(seen - goal) < 0);  // the count wraps around
  }
  sync_consumers();
}

/// Everything is at one place in a loop over products: a step runs its code once per layer, so code that does not fit
/// into the instruction cache would cost more than the work.
template <typename T, Format kFormat, Format kHeadFormat>
class Step {
 public:
  __device__ Step(const StepArguments& a, std::byte* shared)
      : a_(a),
        ring_(shared, a.plan),
        layers_(reinterpret_cast<const LayerWeights*>(shared + a.plan.layers_at)),
        reduce_(reinterpret_cast<float*>(shared + a.plan.reduce_at)),
        rows_(reinterpret_cast<T*>(shared + a.plan.rows_at)),
        warp_(static_cast<int>(threadIdx.x) / kWarp),
        goal_(a.barrier_base) {}

  __device__ void produce() {
    CopiesUnderWay under_way(ring_);
    for (int index = 0; index < n_products(); ++index) {
      const int product = product_at(index);
      if (product != kHead) {
        stream_tiles<kFormat>(ring_, under_way, turn_, a_.plan.products[product], matrix_of(index));
      } else {
        stream_tiles<kHeadFormat>(ring_, under_way, turn_, a_.plan.products[kHead], a_.model.head);
      }
    }
  }

  __device__ void consume() {
    const AttentionItem first_item(static_cast<int>(blockIdx.x), a_);
    fetch_norm(0);
    for (int index = 0; index < n_products(); ++index) {
      const int product = product_at(index);
      const StreamShape& shape = a_.plan.products[product];
      if (product == kOut) {
        attend<T>(a_, first_item, layers_[index / kLayerProducts], index / kLayerProducts,
                  reinterpret_cast<float*>(rows_), warp_);
        prefetch_norms(index / kLayerProducts + 1);
        meet();
        merge_attention<T>(a_, rows_, shape.padded_inputs, reduce_, warp_);
      } else if (product == kDown) {
        load_mlp(shape.padded_inputs);
      } else {
        norm_rows(index, shape.padded_inputs);
      }
      sync_consumers();
      if (product != kHead) {
        run<kFormat>(index, shape);
        if (product == kOut || product == kDown) fetch_norm(index + 1);
        meet();
      } else {
        run<kHeadFormat>(index, shape);
        finish_head();
      }
    }
  }

 private:
  struct Fetched {
    float bias;
    float partner_bias;
    float old;
  };

  __device__ int n_products() const { return a_.model.shape.n_layers * kLayerProducts + (a_.wants_head != 0 ? 1 : 0); }
  __device__ int product_at(int index) const {
    return index < a_.model.shape.n_layers * kLayerProducts ? index % kLayerProducts : static_cast<int>(kHead);
  }
  /// LayerWeights begins with its matrices in the order of the products.
  __device__ const Matrix& matrix_of(int index) const {
    return (&layers_[index / kLayerProducts].qkv)[index % kLayerProducts];
  }

  __device__ void meet() {
    goal_ += gridDim.x;
    sync_grid(a_.work.barrier, goal_);
  }

  /// Norms are small and not part of the ring: one block has them fetched from memory while attention runs.
  __device__ void prefetch_norms(int layer_index) const {
    const int line = static_cast<int>(threadIdx.x) * 32;
    if (blockIdx.x != gridDim.x - 1 || line >= a_.model.shape.hidden || layer_index >= a_.model.shape.n_layers) return;
    const LayerWeights& layer = layers_[layer_index];
    const NormWeights norms[] = {layer.attn_norm, layer.mlp_norm, layer.attn_post_norm, layer.mlp_post_norm};
#pragma unroll
    for (const NormWeights& norm : norms) {
      if (norm.weight != nullptr) prefetch_line(norm.weight + line);
      if (norm.bias != nullptr) prefetch_line(norm.bias + line);
    }
  }

  /// The norm before a product.
  __device__ const NormWeights& norm_of(int index) const {
    const int product = product_at(index);
    if (product == kHead) return a_.model.final_norm;
    const LayerWeights& layer = layers_[index / kLayerProducts];
    return product == kQkv ? layer.attn_norm : layer.mlp_norm;
  }
  __device__ void fetch_norm(int index) {
    if (a_.n_rows == 1 && index < n_products()) norm_.load(norm_of(index), a_.model.shape.hidden);
  }

  /// The residual stream of all rows, normed, as the input of a product.
  __device__ void norm_rows(int index, int stride) {
    const Shape& shape = a_.model.shape;
    const bool is_first = index == 0;
    const bool adds = shape.post_norm != 0 && !is_first;
    const int from = stream_;
    if (adds) stream_ ^= 1;
    const int layer = index / kLayerProducts;
    const int product = product_at(index);
    const int n = a_.n_rows == 1 ? 0 : warp_;
    if (n >= a_.n_rows) return;
    const std::int64_t at = static_cast<std::int64_t>(n) * shape.hidden_stride;
    StreamSource<T> source{};
    if (is_first) {
      const StepRow& row = a_.rows[n];
      source.token = embedding(a_.model.token_embedding, row.token);
      if (shape.learned_positions != 0) source.position = embedding(a_.model.position_embedding, row.position);
      source.embedding_scale = shape.embedding_scale;
    } else {
      source.x = a_.work.x[from] + at;
    }
    if (adds) {
      source.delta = a_.work.delta + at;
      source.post = product == kUp ? layers_[layer].attn_post_norm : layers_[layer - 1].mlp_post_norm;
    }
    float* x_out = blockIdx.x == 0 && (is_first || adds) ? a_.work.x[stream_] + at : nullptr;
    if (a_.n_rows == 1) {
      norm_row_by_block(source, norm_, shape, rows_, stride, x_out, reduce_);
    } else {
      norm_row_by_warp(source, norm_of(index), shape, rows_ + n * (stride + kRowPad), stride, x_out);
    }
  }

  __device__ const T* embedding(const void* table, int row) const {
    return static_cast<const T*>(table) + static_cast<std::int64_t>(row) * a_.model.embedding_stride;
  }

  __device__ void load_mlp(int stride) {
    const int vectors = stride / 8;
#pragma unroll 4
    for (int i = static_cast<int>(threadIdx.x); i < a_.n_rows * vectors; i += kStepWarps * kWarp) {
      const int n = a_.n_rows == 1 ? 0 : i / vectors;
      const int at = (i - n * vectors) * 8;
      const T* from =
          static_cast<const T*>(a_.work.mlp) + static_cast<std::int64_t>(n) * a_.model.shape.mlp_stride + at;
      *reinterpret_cast<uint4*>(rows_ + n * (stride + kRowPad) + at) = __ldcg(reinterpret_cast<const uint4*>(from));
    }
  }

  template <Format kOf>
  __device__ void run(int index, const StreamShape& shape) {
    const int product = product_at(index);
    const float* bias = product == kHead ? nullptr : matrix_of(index).bias;
    const float* old = nullptr;  // what a value is added to
    if ((product == kOut || product == kDown) && a_.model.shape.post_norm == 0) old = a_.work.x[stream_];
    const auto before = [&](int tile, int r, int n) {
      Fetched fetched{};
      const int row = tile * kTileRows + r;
      if (row >= shape.rows) return fetched;
      if (bias != nullptr) {
        fetched.bias = bias[row];
        if (r < 8) fetched.partner_bias = bias[row + 8];
      }
      if (old != nullptr) fetched.old = __ldcg(old + static_cast<std::int64_t>(n) * a_.model.shape.hidden_stride + row);
      return fetched;
    };
    run_product<T, kOf>(ring_, turn_, shape, rows_, a_.n_rows, warp_, reduce_, before,
                        [&](int tile, int r, int n, float value, float partner, const Fetched& fetched) {
                          const int row = tile * kTileRows + r;
                          if (row >= shape.rows) return;
                          finish(product, row, n, value + fetched.bias, partner + fetched.partner_bias, fetched.old);
                        });
  }

  /// Takes one value of a product: output `row` of activation row `n`. `partner`: of output row + 8, see run_product.
  /// `old`: what it is added to, or 0.
  __device__ void finish(int product, int row, int n, float value, float partner, float old) {
    const Shape& shape = a_.model.shape;
    if (product == kQkv) {
      __stcg(a_.work.qkv + n * shape.qkv_stride + row, value);
    } else if (product == kUp) {
      T* mlp = static_cast<T*>(a_.work.mlp) + static_cast<std::int64_t>(n) * shape.mlp_stride;
      value = activated(shape.activation, value);
      if (shape.gated == 0) {
        mlp[row] = as_value<T>(value);
      } else if (row % kTileRows < 8) {
        mlp[row / kTileRows * 8 + row % 8] = as_value<T>(value * partner);
      }
    } else if (product == kHead) {
      value = soft_cap(value, shape.logit_cap);
      if (a_.rows[n].wants_logits != 0)
        __stcg(a_.work.logits + static_cast<std::int64_t>(n) * shape.vocab + row, value);
      best_ = max(best_, argmax_key(value, static_cast<std::uint32_t>(row)));
    } else {
      // Into the residual stream, or, with post norms, into what the next norm adds.
      const bool adds = shape.post_norm == 0;
      float* at =
          (adds ? a_.work.x[stream_] : a_.work.delta) + static_cast<std::int64_t>(n) * shape.hidden_stride + row;
      __stcg(at, old + value);
    }
  }

  /// The argmax over all blocks; the last one hands the ids to the host.
  __device__ void finish_head() {
    const RoundPlace place(a_.n_rows);  // a thread has always had this row
    for (int offset = 1 << place.shift; offset < kWarp; offset *= 2) {
      best_ = max(best_, __shfl_xor_sync(kAllLanes, best_, offset));
    }
    const bool is_first = threadIdx.x % kWarp < 1U << place.shift;
    if (is_first && place.n < a_.n_rows && best_ != 0) atomicMax(a_.work.best + place.n, best_);
    __threadfence();
    sync_consumers();
    if (threadIdx.x == 0 && atomicAdd(a_.work.finished, 1U) == gridDim.x - 1) {
      __threadfence();
      for (int i = 0; i < a_.n_rows; ++i) {
        a_.work.ids[i] = argmax_index(atomicExch(a_.work.best + i, 0ULL));
      }
      *a_.work.finished = 0;
    }
  }

  const StepArguments& a_;
  RingPlace ring_;
  TileTurn turn_;
  const LayerWeights* layers_;
  float* reduce_;
  T* rows_;
  int warp_;
  std::uint32_t goal_;
  NormInRegisters norm_;         // of the next norm, where there is one row
  int stream_ = 0;               // which of work.x holds the residual stream
  unsigned long long best_ = 0;  // of this thread's logits
};

#endif

template <typename T, Format kFormat, Format kHead>
__global__ void __launch_bounds__(kStepThreads, 1) step_kernel(const __grid_constant__ StepArguments a) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  extern __shared__ __align__(128) std::byte shared[];
  const auto* from = reinterpret_cast<const std::uint32_t*>(a.model.layers);
  auto* to = reinterpret_cast<std::uint32_t*>(shared + a.plan.layers_at);
  const int words = a.model.shape.n_layers * static_cast<int>(sizeof(LayerWeights) / sizeof(std::uint32_t));
  for (int i = static_cast<int>(threadIdx.x); i < words; i += kStepThreads) to[i] = from[i];
  if (threadIdx.x == 0) RingPlace(shared, a.plan).init();
  __syncthreads();
  Step<T, kFormat, kHead> step(a, shared);
  if (threadIdx.x / kWarp == kStepWarps) {
    step.produce();
  } else {
    step.consume();
  }
#endif
}

template <typename Use>
void with_kernel(Format format, Use use) {
  switch (format) {
    case Format::kF16:
      return use(step_kernel<__half, Format::kF16, Format::kF16>);
    case Format::kInt8:
      return use(step_kernel<__nv_bfloat16, Format::kInt8, Format::kInt8>);
    case Format::kInt4:
      return use(step_kernel<__nv_bfloat16, Format::kInt4, Format::kInt8>);
    default:
      return use(step_kernel<__nv_bfloat16, Format::kBf16, Format::kBf16>);
  }
}

}  // namespace

void prepare_step(const ModelData& model, const StepPlan& plan) {
  with_kernel(model.format, [&](auto kernel) {
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, plan.shared_bytes),
          "giving the step's kernel its shared memory");
  });
}

void launch_step(const StepArguments& arguments, std::int32_t n_blocks, cudaStream_t stream) {
  with_kernel(arguments.model.format, [&](auto kernel) {
    void* parameters[] = {const_cast<StepArguments*>(&arguments)};
    check(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel), dim3(static_cast<unsigned>(n_blocks)),
                                      dim3(kStepThreads), parameters,
                                      static_cast<std::size_t>(arguments.plan.shared_bytes), stream),
          "launching a step");
  });
}

}  // namespace inferbench::cuda_backend
