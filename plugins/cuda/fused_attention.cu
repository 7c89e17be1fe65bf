// SPDX-License-Identifier: Apache-2.0
//
// Attention of fused passes: each row is the newest token of its own sequence.
#include "attention_block.cuh"
#include "cuda_call.hpp"
#include "fused_kernels.hpp"
#include "launch.cuh"
#include "newest_heads.cuh"

namespace inferbench::cuda_backend {
namespace {

constexpr int kNewestThreads = 128;
constexpr int kNewestWarps = kNewestThreads / kWarp;

/// As read_head, of the sum of `parts` that are `part_stride` apart.
__device__ __forceinline__ HeadLanes read_parts(const float* from, int head_dim, int parts, std::int64_t part_stride) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int half = head_dim / 2;
  HeadLanes head;
#pragma unroll
  for (int i = 0; i < HeadLanes::kMost; ++i) {
    const int j = lane + i * kWarp;
    head.low[i] = head.high[i] = 0;
    if (i * kWarp >= head_dim - half) continue;  // for all lanes
#pragma unroll 4
    for (int p = 0; p < parts; ++p) {
      const float* part = from + p * part_stride;
      if (j < half) head.low[i] += __ldcg(part + j);
      if (j < head_dim - half) head.high[i] += __ldcg(part + half + j);
    }
  }
  return head;
}

/// What a block computes: some heads of a row that share keys.
struct NewestItem {
  int row;
  int kv_head;
  int first_head;
  int n_heads;
  bool is_first;  // of the items that share these keys

  __device__ NewestItem(const Shape& shape, int heads_per_item) : row(static_cast<int>(blockIdx.y)) {
    const int group = shape.n_heads / shape.n_kv_heads;
    const int n_chunks = (group + heads_per_item - 1) / heads_per_item;
    const int in_group = static_cast<int>(blockIdx.x) % n_chunks * heads_per_item;
    kv_head = static_cast<int>(blockIdx.x) / n_chunks;
    first_head = kv_head * group + in_group;
    n_heads = min(heads_per_item, group - in_group);
    is_first = in_group == 0;
  }
};

/// Has the keys and values of a slot's newest positions brought to L2.
template <typename T>
__device__ __forceinline__ void prefetch_cache(const Shape& shape, const KvCache& cache, const LayerWeights& layer,
                                               int layer_index, int slot, int kv_head, int position) {
  constexpr int kMostBytes = 32 << 10;  // for long contexts, all blocks together would ask for more than L2 holds
  const int per_position = shape.head_stride * static_cast<int>(sizeof(T));
  const int n = min(layer.window > 0 ? min(position, layer.window) : position, kMostBytes / per_position);
  if (n <= 0) return;
  for (int part = 0; part < 2; ++part) {
    const T* from = static_cast<const T*>(cache.data) + cache.place(shape, slot, layer_index, part, kv_head) +
                    static_cast<std::int64_t>(position - n) * shape.head_stride;
    prefetch_bulk(from, n * per_position);
  }
}

/// Begins a block: waits for all kernels in front. The next kernel begins when all blocks of this one are past the
/// wait, so when everything in front of this one has ended. So from the second layer on, the lists of the pass are
/// complete before.
template <typename T>
__device__ __forceinline__ void begin_newest(const Shape& shape, const KvCache& cache, const LayerWeights& layer,
                                             int layer_index, const RowList& rows, const NewestItem& item) {
  if (layer_index != 0 && item.is_first && threadIdx.x == 0) {
    prefetch_cache<T>(shape, cache, layer, layer_index, __ldcg(rows.slots + item.row), item.kv_head,
                      __ldcg(rows.positions + item.row));
  }
  wait_for_predecessors();
  let_successor_begin();
}

/// An item's queries, then its key and its value, by number.
struct NewestHeads {
  const ModelData& model;
  const KvCache& cache;
  const LayerWeights& layer;
  const QkvParts& qkv;
  const NewestItem& item;
  int position;

  __device__ __forceinline__ HeadLanes read(int i) const {
    const Shape& shape = model.shape;
    const int head = i < item.n_heads ? item.first_head + i
                                      : shape.n_heads + item.kv_head + (i > item.n_heads ? shape.n_kv_heads : 0);
    const float* from = static_cast<const float*>(qkv.rows.data) +
                        static_cast<std::int64_t>(item.row) * qkv.rows.stride + head * shape.head_dim;
    return read_parts(from, shape.head_dim, qkv.parts, qkv.part_stride);
  }
  template <typename Write>
  __device__ __forceinline__ void write(int i, const HeadLanes& head, Write write) const {
    const Shape& shape = model.shape;
    const bool is_query = i < item.n_heads;
    const bool is_value = i == item.n_heads + 1;
    const float* weight = is_value ? nullptr : (is_query ? layer.q_norm : layer.k_norm);
    const float2* rotation = nullptr;
    if (layer.rotary_table >= 0 && !is_value) {
      rotation = cache.rotation +
                 (static_cast<std::int64_t>(layer.rotary_table) * cache.max_tokens + position) * (shape.head_dim / 2);
    }
    write_head(head, shape.head_dim, weight, shape.epsilon, rotation, is_query ? layer.attention_scale : 1.0F, write);
  }

  /// All of them, to place(i). A warp has the loads of two under way together.
  template <typename Place, typename Store>
  __device__ __forceinline__ void load_all(int warp, Place place, Store store) const {
#pragma unroll 1
    for (int i = warp; i < item.n_heads + 2; i += 2 * kNewestWarps) {
      const int next = i + kNewestWarps;
      const bool has_next = next < item.n_heads + 2;
      const HeadLanes head = read(i);
      const HeadLanes other = has_next ? read(next) : HeadLanes{};
      write(i, head, [&](int k, float x) { store(place(i) + k, x); });
      if (has_next) write(next, other, [&](int k, float x) { store(place(next) + k, x); });
    }
  }
};

/// A block makes its item's queries, the row's key and its value, attends, and where it is the first of those that
/// share keys, writes key and value to the cache.
template <typename T, int kHeads>
__global__ void __launch_bounds__(kNewestThreads, kHeads == 1 ? 6 : 4)
    attend_newest_row(ModelData model, KvCache cache, LayerWeights layer, int layer_index, RowList rows, QkvParts qkv,
                      RowsOf out, int heads_per_item) {
  extern __shared__ float shared[];
  const Shape& shape = model.shape;
  const NewestItem item(shape, heads_per_item);
  const int stride = shape.head_stride;
  const int size = shape.head_dim;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  float* query = shared;
  float* key = query + kHeads * stride;
  float* value = key + stride;
  float* parts = value + stride;
  begin_newest<T>(shape, cache, layer, layer_index, rows, item);
  const int position = rows.positions[item.row];
  const int slot = rows.slots[item.row];
  T* keys = static_cast<T*>(cache.data) + cache.place(shape, slot, layer_index, 0, item.kv_head);
  T* values = static_cast<T*>(cache.data) + cache.place(shape, slot, layer_index, 1, item.kv_head);
  const int begin = layer.window > 0 ? max(0, position + 1 - layer.window) : 0;
  const AttendRange<T> range{keys, values, key, value, begin, position, stride, shape.attention_cap};
  attend_range<T, kHeads, kHeads == 1>(range, query, lanes_of(stride), warp, kNewestWarps, parts, [&] {
    for (int i = static_cast<int>(threadIdx.x); i < (kHeads + 2) * stride; i += kNewestThreads) {
      const int head = i / stride;
      if (i % stride >= size || (head >= item.n_heads && head < kHeads)) shared[i] = 0;
    }
    const NewestHeads heads{model, cache, layer, qkv, item, position};
    heads.load_all(
        warp, [&](int i) { return shared + (i < item.n_heads ? i : kHeads + i - item.n_heads) * stride; },
        [](float* to, float x) { *to = as_float(as_value<T>(x)); });
    __syncthreads();
  });
  __syncthreads();
  T* to = static_cast<T*>(out.data) + static_cast<std::int64_t>(item.row) * out.stride + item.first_head * size;
  for (int i = static_cast<int>(threadIdx.x); i < item.n_heads * size; i += kNewestThreads) {
    float most = 0;
    float sum = 0;
    const float merged = merge_head(parts, kHeads, i / size, stride, kNewestWarps, i % size, most, sum);
    to[i] = as_value<T>(merged / sum);
  }
  if (!item.is_first) return;
  for (int i = static_cast<int>(threadIdx.x); i < stride; i += kNewestThreads) {
    keys[static_cast<std::int64_t>(position) * stride + i] = as_value<T>(key[i]);
    values[static_cast<std::int64_t>(position) * stride + i] = as_value<T>(value[i]);
  }
}

/// As attend_newest_row, for heads of 64 or 128 values: heads are the rows of a matrix, so that a key is taken up once
/// for all of them. Weights are rounded to 16 bits, as they are in attention by tiles.
template <typename T, int kSize>
__global__ void __launch_bounds__(kNewestThreads, kSize == 64 ? 5 : 3)
    attend_newest_heads(ModelData model, KvCache cache, LayerWeights layer, int layer_index, RowList rows, QkvParts qkv,
                        RowsOf out, int heads_per_item) {
  extern __shared__ __align__(16) uint4 shared_vectors[];
  constexpr int kParts = kSize / 32;
  const NewestItem item(model.shape, heads_per_item);
  T* query = reinterpret_cast<T*>(shared_vectors);  // [kHeadRows][kSize]
  T* key = query + kHeadRows * kSize;
  T* value = key + kSize;
  auto* parts = reinterpret_cast<float*>(value + kSize);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int r = static_cast<int>(threadIdx.x) % kWarp / 4;
  const int c = static_cast<int>(threadIdx.x) % 4;
  begin_newest<T>(model.shape, cache, layer, layer_index, rows, item);
  const int position = rows.positions[item.row];
  const int slot = rows.slots[item.row];
  T* keys = static_cast<T*>(cache.data) + cache.place(model.shape, slot, layer_index, 0, item.kv_head);
  T* values = static_cast<T*>(cache.data) + cache.place(model.shape, slot, layer_index, 1, item.kv_head);
  const int begin = layer.window > 0 ? max(0, position + 1 - layer.window) : 0;
  const int n_chunks = (position - begin) / kChunkKeys + 1;

  KeyChunk<T, kSize> chunk;
  const auto load = [&](int index) {
    const int first = begin + index * kChunkKeys + r;
    const std::int64_t at = static_cast<std::int64_t>(first) * kSize + c * 8;
    chunk.load(keys + at, values + at, [&](int half) { return first + half * 8 < position; });
  };
  load(warp);
  for (int i = item.n_heads * kSize + static_cast<int>(threadIdx.x); i < kHeadRows * kSize; i += kNewestThreads) {
    query[i] = as_value<T>(0.0F);
  }
  const NewestHeads heads{model, cache, layer, qkv, item, position};
  heads.load_all(
      warp, [&](int i) { return query + (i < item.n_heads ? i : kHeadRows + i - item.n_heads) * kSize; },
      [](T* to, float x) { *to = as_value<T>(x); });
  __syncthreads();
  uint4 q[kParts];
#pragma unroll
  for (int b = 0; b < kParts; ++b) q[b] = *reinterpret_cast<const uint4*>(query + r * kSize + b * 32 + c * 8);
  HeadsOfWarp<T, kSize> running;
#pragma unroll 1
  for (int index = warp; index < n_chunks; index += kNewestWarps) {
    if (index != warp) load(index);
    const int newest = position - begin - index * kChunkKeys;  // its place in the chunk, if it is there
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int b = 0; b < kParts; ++b) {
        if (half * 8 + r != newest) continue;
        chunk.keys[half][b] = *reinterpret_cast<const uint4*>(key + b * 32 + c * 8);
        chunk.values[half][b] = *reinterpret_cast<const uint4*>(value + b * 32 + c * 8);
      }
    }
    running.add(chunk, q, newest + 1, model.shape.attention_cap);
  }
  running.store(parts, warp, item.n_heads);
  __syncthreads();
  T* to = static_cast<T*>(out.data) + static_cast<std::int64_t>(item.row) * out.stride + item.first_head * kSize;
  for (int i = static_cast<int>(threadIdx.x); i < item.n_heads * kSize; i += kNewestThreads) {
    float most = 0;
    float sum = 0;
    const float merged = merge_head(parts, kHeadRows, i / kSize, kSize, kNewestWarps, i % kSize, most, sum);
    to[i] = as_value<T>(merged / sum);
  }
  if (!item.is_first) return;
  for (int i = static_cast<int>(threadIdx.x); i < kSize; i += kNewestThreads) {
    keys[static_cast<std::int64_t>(position) * kSize + i] = key[i];
    values[static_cast<std::int64_t>(position) * kSize + i] = value[i];
  }
}

/// Calls use(kernel, most query heads of an item, bytes of shared memory) with the model's kernel. `group`: query heads
/// that share keys.
template <typename T, typename Use>
void with_newest_kernel(const Shape& shape, int group, Use use) {
  const auto by_rows = [&]<int kSize>() {
    constexpr int kBytes = (kHeadRows + 2) * kSize * static_cast<int>(sizeof(T)) +
                           kNewestWarps * kHeadRows * (kSize + 2) * static_cast<int>(sizeof(float));
    use(attend_newest_heads<T, kSize>, kHeadRows, kBytes);
  };
  // A single head would leave most of the matrix empty: GPT-2, 64 sequences, took 628 us a step so, and 552 us else.
  if (group > 1 && shape.head_dim == 64) return by_rows.template operator()<64>();
  if (group > 1 && shape.head_dim == 128) return by_rows.template operator()<128>();
  const auto by_heads = [&]<int kHeads>() {
    const int values = (kHeads + 2) * shape.head_stride + kNewestWarps * kHeads * (shape.head_stride + 2);
    use(attend_newest_row<T, kHeads>, kHeads, values * static_cast<int>(sizeof(float)));
  };
  group == 1 ? by_heads.template operator()<1>() : by_heads.template operator()<kBlockHeads>();
}

}  // namespace

void attend_newest(const ModelData& model, const KvCache& cache, const LayerWeights& layer, std::int32_t layer_index,
                   const RowList& rows, const QkvParts& qkv, RowsOf out, cudaStream_t stream) {
  const Shape& shape = model.shape;
  const int group = shape.n_heads / shape.n_kv_heads;
  const auto launch = [&](auto kernel, int most_heads, int bytes) {
    const int n_chunks = (group + most_heads - 1) / most_heads;
    const int per_item = (group + n_chunks - 1) / n_chunks;
    const dim3 grid(static_cast<unsigned>(shape.n_kv_heads * n_chunks), static_cast<unsigned>(rows.n_rows));
    launch_early("attention", kernel, grid, kNewestThreads, static_cast<std::size_t>(bytes), stream, model, cache,
                 layer, layer_index, rows, qkv, out, per_item);
  };
  if (model.values == Format::kF16) {
    with_newest_kernel<__half>(shape, group, launch);
  } else {
    with_newest_kernel<__nv_bfloat16>(shape, group, launch);
  }
}

}  // namespace inferbench::cuda_backend
