// SPDX-License-Identifier: Apache-2.0
//
// The ring of stages through which a block's weights pass, and the products of its tiles. See step_plan.hpp.
#pragma once

#include "kernel_math.cuh"
#include "step_plan.hpp"

namespace inferbench::cuda_backend {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// The consumers of a block meet; the producer does not take part. Warps that waiting for words has split must be whole
/// again before: the barrier counts warps.
__device__ __forceinline__ void sync_consumers() {
  __syncwarp();
  __barrier_sync_count(1, kStepWarps * kWarp);
}

/// Where a warp is in the ring. The producer and the consumers each have their own.
class RingPlace {
 public:
  __device__ RingPlace(std::byte* barriers, std::byte* stages, int n_stages, int stage_bytes)
      : full_(shared_address(barriers)),
        empty_(full_ + 8 * static_cast<std::uint32_t>(n_stages)),
        stages_(stages),
        n_stages_(n_stages),
        stage_bytes_(stage_bytes) {}
  __device__ RingPlace(std::byte* shared, const StepPlan& plan)
      : RingPlace(shared + plan.barriers_at, shared + plan.shared_bytes - plan.n_stages * plan.stage_bytes,
                  plan.n_stages, plan.stage_bytes) {}

  /// `copies`: how many times expect() is called for a stage.
  __device__ void init(int copies = 1) const {
    for (int i = 0; i < n_stages_; ++i) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(full_ + 8 * i), "r"(copies) : "memory");
      asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(empty_ + 8 * i), "n"(kStepWarps) : "memory");
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }

  __device__ std::byte* stage() const { return stages_ + stage_ * stage_bytes_; }
  __device__ std::uint32_t full() const { return full_ + 8 * stage_; }

  __device__ void wait_full() const { wait(full_ + 8 * stage_, parity_); }
  /// A fresh stage counts as empty.
  __device__ void wait_empty() const { wait(empty_ + 8 * stage_, parity_ ^ 1U); }
  __device__ void release() const {
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(empty_ + 8 * stage_) : "memory");
  }
  __device__ void expect(std::uint32_t bytes) const {
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(full()), "r"(bytes) : "memory");
  }
  __device__ void advance() {
    if (++stage_ == n_stages_) {
      stage_ = 0;
      parity_ ^= 1U;
    }
  }

 private:
  static __device__ void wait(std::uint32_t barrier, std::uint32_t parity) {
    asm volatile(
        "{\n .reg .pred done;\n WAIT:\n"
        " mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
        " @!done bra WAIT;\n}" ::"r"(barrier),
        "r"(parity)
        : "memory");
  }

  std::uint32_t full_;
  std::uint32_t empty_;
  std::byte* stages_;
  int n_stages_;
  int stage_bytes_;
  int stage_ = 0;
  std::uint32_t parity_ = 0;
};

/// Which items of the present product are this block's. Item i of a product goes to block (i + offset) % blocks.
class ItemTurn {
 public:
  __device__ ItemTurn() : n_blocks_(static_cast<int>(gridDim.x)) {}
  __device__ int first() const {
    const int first = static_cast<int>(blockIdx.x) - offset_;
    return first < 0 ? first + n_blocks_ : first;
  }
  __device__ void next_product(int turn) {
    offset_ += turn;
    if (offset_ >= n_blocks_) offset_ -= n_blocks_;
  }

 private:
  int n_blocks_;
  int offset_ = 0;
};

/// This block's items of a product: tiles of one part, since the parts divide the blocks.
struct ItemRange {
  int tile;
  int part;
  int step;

  __device__ ItemRange(const ItemTurn& turn, const StreamShape& shape)
      : tile(turn.first() * shape.part_factor >> 16), part(turn.first() - tile * shape.parts), step(shape.tile_step) {}
};

// ---- the producer ----

/// Keeps few copies under way: more would not make the stream faster, but everything that the consumers read from L2,
/// and the barriers, would queue behind them.
class CopiesUnderWay {
 public:
  __device__ CopiesUnderWay(const RingPlace& ring, int most) : oldest_(ring), most_(most) {}
  /// To be called before each copy.
  __device__ void wait() {
    if (n_ < most_) {
      ++n_;
      return;
    }
    oldest_.wait_full();
    oldest_.advance();
  }

 private:
  RingPlace oldest_;
  int most_;
  int n_ = 0;
};

__device__ __forceinline__ void copy_bulk(std::byte* to, const void* from, std::uint32_t bytes, std::uint32_t barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                   shared_address(to)),
               "l"(from), "r"(bytes), "r"(barrier)
               : "memory");
}

__device__ __forceinline__ void prefetch_line(const void* at) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(at));
}

/// Copies a chunk of 16 rows into the ring. Called by one warp.
template <Format kFormat>
__device__ __forceinline__ void copy_chunk(const RingPlace& ring, const StreamShape& shape, const Matrix& matrix,
                                           int tile, int first_unit, int n_units) {
  const int lane = threadIdx.x % kWarp;
  const auto* data = static_cast<const std::byte*>(matrix.data);
  if constexpr (is_quantized(kFormat)) {
    constexpr std::uint32_t kTile = static_cast<std::uint32_t>(tile_bytes(kFormat));
    if (lane != 0) return;
    const std::int64_t first = static_cast<std::int64_t>(tile) * (shape.units * shape.parts) + first_unit;
    ring.expect(n_units * kTile);
    copy_bulk(ring.stage(), data + first * kTile, n_units * kTile, ring.full());
  } else {
    const std::uint32_t row_bytes = n_units * kPlainInputs * 2;
    if (lane == 0) ring.expect(row_bytes * kTileRows);
    __syncwarp();
    if (lane >= kTileRows) return;
    const std::int64_t row = static_cast<std::int64_t>(tile) * kTileRows + lane;
    const std::int64_t from = (row * shape.padded_inputs + first_unit * kPlainInputs) * 2;
    copy_bulk(ring.stage() + lane * (row_bytes + kChunkPad), data + from, row_bytes, ring.full());
  }
}

/// Copies this block's items of a product. Called by one warp.
template <Format kFormat>
__device__ void stream_items(RingPlace& ring, CopiesUnderWay& under_way, ItemTurn& turn, const StreamShape& shape,
                             const Matrix& matrix) {
  const ItemRange items(turn, shape);
  for (int tile = items.tile; tile < shape.row_tiles; tile += items.step) {
    if (matrix.bias != nullptr && threadIdx.x % kWarp == 0) prefetch_line(matrix.bias + tile * kTileRows);
    for (int unit = 0; unit < shape.units; unit += shape.per_chunk) {
      ring.wait_empty();
      under_way.wait();
      copy_chunk<kFormat>(ring, shape, matrix, tile, items.part * shape.units + unit,
                          min(shape.per_chunk, shape.units - unit));
      __syncwarp();
      ring.advance();
    }
  }
  turn.next_product(shape.turn);
}

// ---- the consumers ----

template <typename T>
__device__ __forceinline__ void multiply(float (&sum)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t a2,
                                         std::uint32_t a3, std::uint32_t b0, std::uint32_t b1);
template <>
__device__ __forceinline__ void multiply<__nv_bfloat16>(float (&sum)[4], std::uint32_t a0, std::uint32_t a1,
                                                        std::uint32_t a2, std::uint32_t a3, std::uint32_t b0,
                                                        std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}
template <>
__device__ __forceinline__ void multiply<__half>(float (&sum)[4], std::uint32_t a0, std::uint32_t a1, std::uint32_t a2,
                                                 std::uint32_t a3, std::uint32_t b0, std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

/// 4 signed bytes as 2 pairs of bfloat16. A byte with 128 added, in the low bits of 2^23, is that float plus the byte.
__device__ __forceinline__ void bytes_to_pairs(std::uint32_t bytes, std::uint32_t& low, std::uint32_t& high) {
  const std::uint32_t shifted = bytes ^ 0x80808080U;
  constexpr std::uint32_t kBase = 0x4B000000U;
  constexpr float kOffset = 8388608.0F + 128.0F;
  float value[4];
#pragma unroll
  for (unsigned i = 0; i < 4; ++i) value[i] = __uint_as_float(__byte_perm(shifted, kBase, 0x7440U | i)) - kOffset;
  const __nv_bfloat162 first = __floats2bfloat162_rn(value[0], value[1]);
  const __nv_bfloat162 second = __floats2bfloat162_rn(value[2], value[3]);
  low = *reinterpret_cast<const std::uint32_t*>(&first);
  high = *reinterpret_cast<const std::uint32_t*>(&second);
}

/// Nibbles i and 4 + i of a word as a pair of bfloat16, minus 8: as the low bits of 128 they are 128 + nibble, exactly.
__device__ __forceinline__ std::uint32_t nibble_pair(std::uint32_t word, int i) {
  const std::uint32_t bits = ((word >> (4 * i)) & 0x000F000FU) | 0x43004300U;
  const __nv_bfloat162 offset = __float2bfloat162_rn(136.0F);
  const __nv_bfloat162 value = __hsub2(*reinterpret_cast<const __nv_bfloat162*>(&bits), offset);
  return *reinterpret_cast<const std::uint32_t*>(&value);
}

/// The bfloat16 at `index` (0 to 3) of 8 bytes.
__device__ __forceinline__ float scale_at(uint2 scales, int index) {
  const std::uint32_t word = index < 2 ? scales.x : scales.y;
  return __uint_as_float(index % 2 == 0 ? word << 16U : word & 0xffff0000U);
}

__device__ __forceinline__ std::uint32_t word_of(uint4 words, int i) {
  return i == 0 ? words.x : i == 1 ? words.y : i == 2 ? words.z : words.w;
}

/// One quantized tile times activations. `x`: of this lane, at the tile's first input.
template <Format kFormat>
__device__ __forceinline__ void multiply_tile(float (&sum)[4], const std::byte* tile, const __nv_bfloat16* x,
                                              bool has_x) {
  const int lane = threadIdx.x % kWarp;
  const std::byte* scales = tile + tile_bytes(kFormat) - kScaleBytes;
  const uint2 low_scales = *reinterpret_cast<const uint2*>(scales + lane / 4 * 8);
  const uint2 high_scales = *reinterpret_cast<const uint2*>(scales + (lane / 4 + 8) * 8);
  uint4 low{};
  uint4 high{};
#pragma unroll
  for (int group = 0; group < kGroups; ++group) {
    std::uint32_t a[4];
    std::uint32_t b[4];
    if constexpr (kFormat == Format::kInt8) {
      if (group % 2 == 0) {
        low = *reinterpret_cast<const uint4*>(tile + group / 2 * 1024 + lane * 16);
        high = *reinterpret_cast<const uint4*>(tile + group / 2 * 1024 + 512 + lane * 16);
      }
      bytes_to_pairs(word_of(low, group % 2 * 2), a[0], a[1]);
      bytes_to_pairs(word_of(low, group % 2 * 2 + 1), a[2], a[3]);
      bytes_to_pairs(word_of(high, group % 2 * 2), b[0], b[1]);
      bytes_to_pairs(word_of(high, group % 2 * 2 + 1), b[2], b[3]);
    } else {
      if (group == 0) {
        low = *reinterpret_cast<const uint4*>(tile + lane * 16);
        high = *reinterpret_cast<const uint4*>(tile + 512 + lane * 16);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        a[i] = nibble_pair(word_of(low, group), i);
        b[i] = nibble_pair(word_of(high, group), i);
      }
    }
    const uint4 values = has_x ? *reinterpret_cast<const uint4*>(x + group * kGroup) : uint4{};
    float part[4] = {};
    multiply<__nv_bfloat16>(part, a[0], b[0], a[1], b[1], values.x, values.y);
    multiply<__nv_bfloat16>(part, a[2], b[2], a[3], b[3], values.z, values.w);
    const float low_scale = scale_at(low_scales, group);
    const float high_scale = scale_at(high_scales, group);
    sum[0] += low_scale * part[0];
    sum[1] += low_scale * part[1];
    sum[2] += high_scale * part[2];
    sum[3] += high_scale * part[3];
  }
}

/// This warp's share of a tile's products with all rows: of mma.m16n8k16's accumulators, lane 4 r + c has rows r
/// (sum[0], sum[1]) and r + 8 of the tile for activation rows 2 c and 2 c + 1. `x`: [n_rows][x_stride] in shared
/// memory.
template <typename T, Format kFormat>
__device__ void multiply_chunks(RingPlace& ring, const StreamShape& shape, const T* x, int x_stride, int n_rows,
                                int warp, float (&sum)[4]) {
  const int lane = threadIdx.x % kWarp;
  const int r = lane / 4;
  const int c = lane % 4;
  const bool has_x = r < n_rows;
  const T* mine = x + (has_x ? r : 0) * x_stride + 8 * c;
  float odd[4] = {};  // two sums, so that products need not wait for each other
#pragma unroll
  for (int i = 0; i < 4; ++i) sum[i] = 0;
#pragma unroll 1
  for (int begin = 0; begin < shape.units; begin += shape.per_chunk) {
    const int n_units = min(shape.per_chunk, shape.units - begin);
    ring.wait_full();
    const std::byte* stage = ring.stage();
    if constexpr (is_quantized(kFormat)) {
      for (int unit = (warp - begin) & (kStepWarps - 1); unit < n_units; unit += kStepWarps) {
        multiply_tile<kFormat>(sum, stage + unit * tile_bytes(kFormat), mine + (begin + unit) * kTileInputs, has_x);
      }
    } else {
      const int row_bytes = n_units * kPlainInputs * 2 + kChunkPad;
      const std::byte* low_row = stage + r * row_bytes + c * 16;
      const std::byte* high_row = low_row + 8 * row_bytes;
      const T* values = mine + begin * kPlainInputs;
#pragma unroll 2
      for (int step = (warp - 2 * begin) & (kStepWarps - 1); step < n_units * 2; step += kStepWarps) {
        const uint4 low = *reinterpret_cast<const uint4*>(low_row + step * 64);
        const uint4 high = *reinterpret_cast<const uint4*>(high_row + step * 64);
        const uint4 b = has_x ? *reinterpret_cast<const uint4*>(values + step * 32) : uint4{};
        multiply<T>(sum, low.x, high.x, low.y, high.y, b.x, b.y);
        multiply<T>(odd, low.z, high.z, low.w, high.w, b.z, b.w);
      }
    }
    __syncwarp();
    if (lane == 0) ring.release();
    ring.advance();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i) sum[i] += odd[i];
}

/// What a thread adds up in a round: value (tile, row, activation row).
template <bool kOneRow>
struct RoundPlace {
  int shift;  // activation rows count as 1 << shift
  int tile;   // of the round
  int row;    // of the tile
  int n;

  __device__ explicit RoundPlace(int n_rows) {
    const int thread = static_cast<int>(threadIdx.x);
    shift = kOneRow || n_rows == 1 ? 0 : 32 - __clz(n_rows - 1);
    n = kOneRow ? 0 : thread & ((1 << shift) - 1);
    row = (thread >> shift) % kTileRows;
    tile = (thread >> shift) / kTileRows;
  }
  __device__ int tiles() const { return (kRoundValues / kTileRows) >> shift; }
  __device__ int part(int tile_of_round, int warp, int row_of_tile) const {
    return ((tile_of_round * kStepWarps + warp) * kTileRows + row_of_tile) << shift;
  }
};

/// Goes through this block's items of a product, as many in a round as give each thread a value to add up; warps meet
/// once a round. `x`: the part of the activations, which `load` waits for and brings there. `before(tile, row)` fetches
/// meanwhile what `finish(has_value, tile, row, n, value, partner, fetched)` needs. `partner` is the value of row + 8,
/// for rows below 8. Whole warps call `finish`.
template <typename T, Format kFormat, bool kOneRow, typename Before, typename Load, typename Finish>
__device__ __forceinline__ void run_items(RingPlace& ring, const StreamShape& shape, const ItemRange& items, const T* x,
                                          int n_rows, int warp, float* reduce, Before before, Load load,
                                          Finish finish) {
  const int lane = threadIdx.x % kWarp;
  const RoundPlace<kOneRow> place(n_rows);
  int parity = 0;
  int tile = items.tile;
#pragma unroll 1
  while (tile < shape.row_tiles) {
    const int mine = tile + place.tile * items.step;
    const bool has_value = mine < shape.row_tiles && place.tile < place.tiles() && place.n < n_rows;
    decltype(before(0, 0)) fetched{};
    if (has_value) fetched = before(mine, place.row);
    if (tile == items.tile) load();
    // Two buffers in turn: a warp may be a round ahead of those that still add up.
    float* parts = reduce + parity * kStepWarps * kRoundValues;
    parity ^= 1;
#pragma unroll 1
    for (int i = 0; i < place.tiles() && tile < shape.row_tiles; ++i, tile += items.step) {
      float sum[4];
      multiply_chunks<T, kFormat>(ring, shape, x, shape.part_inputs + kRowPad, n_rows, warp, sum);
      const int n = lane % 4 * 2;
      float* low = parts + place.part(i, warp, lane / 4) + n;
      float* high = parts + place.part(i, warp, lane / 4 + 8) + n;
      if (n < n_rows) *low = sum[0], *high = sum[2];
      if (!kOneRow && n + 1 < n_rows) low[1] = sum[1], high[1] = sum[3];
    }
    sync_consumers();
    if (__any_sync(kAllLanes, has_value)) {
      float value = 0;
      float partner = 0;
      if (has_value) {
#pragma unroll
        for (int w = 0; w < kStepWarps; ++w) {
          value += parts[place.part(place.tile, w, place.row) + place.n];
          if (!kOneRow && place.row < 8) partner += parts[place.part(place.tile, w, place.row + 8) + place.n];
        }
      }
      if (kOneRow) partner = __shfl_down_sync(kAllLanes, value, 8);
      finish(has_value, mine, place.row, place.n, value, partner, fetched);
    }
  }
}

}  // namespace inferbench::cuda_backend
