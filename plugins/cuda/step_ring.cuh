// SPDX-License-Identifier: Apache-2.0
//
// The ring of stages through which a block's weights pass, and its producer. See step_plan.hpp.
#pragma once

#include "kernel_math.cuh"
#include "step_plan.hpp"

namespace inferbench::cuda_backend {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// Keeps a value in its register. The compiler would rather compute it anew where it is used.
__device__ __forceinline__ void keep(int& value) {
  asm volatile("" : "+r"(value));
}
__device__ __forceinline__ void keep(std::uint32_t& value) {
  asm volatile("" : "+r"(value));
}

__device__ __forceinline__ uint4 load_shared16(std::uint32_t at) {
  uint4 words;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4];"
               : "=r"(words.x), "=r"(words.y), "=r"(words.z), "=r"(words.w)
               : "r"(at)
               : "memory");
  return words;
}
__device__ __forceinline__ uint2 load_shared8(std::uint32_t at) {
  uint2 words;
  asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(words.x), "=r"(words.y) : "r"(at) : "memory");
  return words;
}
__device__ __forceinline__ float load_shared(std::uint32_t at) {
  float value = 0;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(value) : "r"(at) : "memory");
  return value;
}
__device__ __forceinline__ float4 load_shared_floats(std::uint32_t at) {
  const uint4 words = load_shared16(at);
  return make_float4(__uint_as_float(words.x), __uint_as_float(words.y), __uint_as_float(words.z),
                     __uint_as_float(words.w));
}
__device__ __forceinline__ void store_shared(std::uint32_t at, float value) {
  asm volatile("st.shared.f32 [%0], %1;" ::"r"(at), "f"(value) : "memory");
}
__device__ __forceinline__ void store_shared(std::uint32_t at, std::uint32_t word) {
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(at), "r"(word) : "memory");
}
__device__ __forceinline__ void store_shared8(std::uint32_t at, uint2 words) {
  asm volatile("st.shared.v2.u32 [%0], {%1,%2};" ::"r"(at), "r"(words.x), "r"(words.y) : "memory");
}
__device__ __forceinline__ void store_shared16(std::uint32_t at, uint4 words) {
  asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(at), "r"(words.x), "r"(words.y), "r"(words.z), "r"(words.w)
               : "memory");
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
        stages_at_(shared_address(stages)),
        n_stages_(n_stages),
        stage_bytes_(stage_bytes) {}
  __device__ RingPlace(std::byte* shared, const StepPlan& plan)
      : RingPlace(shared + plan.barriers_at, shared + plan.shared_bytes - plan.n_stages * plan.stage_bytes,
                  plan.n_stages, plan.stage_bytes) {}

  /// Keeps the addresses in registers.
  __device__ void hold() { keep(full_), keep(empty_), keep(stages_at_); }

  /// `copies`: how many times expect() is called for a stage. `readers`: how many times release() is.
  __device__ void init(int copies = 1, int readers = kStepWarps) const {
    for (int i = 0; i < n_stages_; ++i) {
      asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(full_ + 8 * i), "r"(copies) : "memory");
      asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(empty_ + 8 * i), "r"(readers) : "memory");
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
  }

  __device__ std::byte* stage() const { return stages_ + stage_ * stage_bytes_; }
  __device__ std::uint32_t stage_address() const {
    return stages_at_ + static_cast<std::uint32_t>(stage_ * stage_bytes_);
  }
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
  std::uint32_t stages_at_;  // the same
  int n_stages_;
  int stage_bytes_;
  int stage_ = 0;
  std::uint32_t parity_ = 0;
};

/// A warp has read the stage.
__device__ __forceinline__ void give_back(RingPlace& ring, int lane) {
  __syncwarp();
  if (lane == 0) ring.release();
  ring.advance();
}

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
    if (threadIdx.x % kWarp == 0) {
      if (matrix.bias != nullptr) prefetch_line(matrix.bias + tile * kTileRows);
      if (matrix.folded != nullptr) prefetch_line(matrix.folded + tile * kTileRows);
    }
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

}  // namespace inferbench::cuda_backend
