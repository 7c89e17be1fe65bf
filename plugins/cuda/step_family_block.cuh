// SPDX-License-Identifier: Apache-2.0
//
// A decode step of one sequence as a block sees it, for models of a family (see StepFamily). Each warp waits for the
// inputs that it multiplies, and for no other warp of its block until it has its sums.
#pragma once

#include "step.hpp"
#include "step_common.cuh"
#include "step_exchange.cuh"
#include "step_family.cuh"
#include "step_head_parts.cuh"
#include "step_heads.cuh"
#include "step_ring.cuh"
#include "step_row_products.cuh"
#include "step_stream.cuh"

namespace inferbench::cuda_backend {

/// See Step for what costs time here. Products that read the residual stream and those that read values have code of
/// their own: what they do before and after the multiplication differs.
template <typename T, Format kFormat, Format kHeadFormat, int kVectors, StepFamily kFamily>
class FamilyStep {
 public:
  __device__ FamilyStep(const StepArguments& a, std::byte* shared)
      : a_(a),
        ring_(shared, a.plan),
        layers_(reinterpret_cast<const LayerWeights*>(shared + a.plan.layers_at)),
        parts_(reinterpret_cast<float*>(shared + a.plan.parts_at)),
        rows_(shared_address(shared + a.plan.rows_at)),
        turns_{threadIdx.x, shared_address(shared + a.plan.reduce_at)},
        moments_(shared_address(shared + a.plan.moments_at)) {
    keep(rows_);
    ring_.hold();
    turns_.hold();
  }

  __device__ void produce() { stream_model<kFormat, kHeadFormat>(a_, ring_, turn_, layers_); }

  __device__ void consume() {
    HeadTurn item;
    clear_other_set(a_);
    Stream stream(a_, a_.plan.products[kQkv], moments_, turns_.warp(), turns_.lane());
    exchange_ = a_.work.exchange[a_.set];
    const int n_halves = a_.model.shape.n_layers * 2;
    // The head shares the others' code where it has their format.
    constexpr bool kHeadIsAlike = kFormat == kHeadFormat;
    const int end = n_halves + (kHeadIsAlike && a_.wants_head != 0 ? 1 : 0);
#pragma unroll 1
    for (int half = 0; half < end; ++half) {
      const LayerWeights& layer = layers_[half / 2];
      const bool is_mlp = half % 2 != 0;
      const bool is_head = half == n_halves;
      run_on_stream<kFormat>(is_head ? kHead : (is_mlp ? kUp : kQkv), is_mlp ? layer.up : layer.qkv, stream, half,
                             is_mlp ? layer.mlp_norm : layer.attn_norm);
      if (is_head) break;
      if (!is_mlp) attend_heads<Traits, T>(a_, item, layer, half / 2, parts_, exchange_, turns_.warp());
      run_on_values(is_mlp ? kDown : kOut, is_mlp ? layer.down : layer.out);
      if (is_mlp) exchange_ += a_.exchange.layer_words;
    }
    if (a_.wants_head == 0) return;
    if constexpr (!kHeadIsAlike) {
      const LayerWeights& head = layers_[a_.model.shape.n_layers];
      run_on_stream<kHeadFormat>(kHead, head.qkv, stream, n_halves, head.attn_norm);
    }
    finish_head(a_, best_, 0, 0);
  }

 private:
  using Traits = StepTraits<kFamily>;
  static constexpr bool kIsCoded = is_quantized(kFormat);
  using Stream = StreamOfWarps<T, Traits, kVectors, kMostParts / kVectors>;

  /// What is fetched before a product for one of its values.
  struct Fetched {
    float bias;
    float folded;
    void* to;
  };

  /// A product with the normed stream. `half`: of the layers, counted from the first one.
  template <Format kOf>
  __device__ __forceinline__ void run_on_stream(StepProduct product, const Matrix& matrix, Stream& stream, int half,
                                                const NormWeights& norm) {
    const StreamShape& shape = a_.plan.products[product];
    const ItemRange items(turn_, shape);
    stream.prepare(norm);
    const CodedRow coded(rows_, shape.part_inputs, code_unit(kOf));
    const int first = turns_.warp() * kSliceRoom + turns_.lane() * 4;
    std::uint32_t to =
        rows_ + static_cast<std::uint32_t>(turns_.warp() * kSliceRoom * 2) + place_in_slice(turns_.lane() * 4);
    keep(to);
    const bool is_mlp = half % 2 != 0;
    // The last layer's words lie before the present ones.
    const std::uint32_t* added = exchange_ + (is_mlp ? a_.exchange.out : a_.exchange.down - a_.exchange.layer_words);
    int parts = a_.plan.products[is_mlp ? kOut : kDown].parts;
    int stride = a_.model.shape.hidden_stride;
    keep(parts), keep(stride);
    run_row_items<T, kOf, true>(
        ring_, shape, items, rows_, turns_,
        [&](int tile, int r) {
          const int row = tile * kTileRows + r;
          Fetched fetched{};
          if (product == kUp) {
            fetched.to = reinterpret_cast<T*>(exchange_ + a_.exchange.mlp) + (kIsGated ? tile * 8 + r : row);
          } else {
            fetched.to = exchange_ + a_.exchange.qkv + row;
          }
          if constexpr (Stream::kHasMean) {
            const float2 both = matrix.folded[row];
            fetched.folded = both.x, fetched.bias = both.y;
          } else if (matrix.bias != nullptr) {
            fetched.bias = matrix.bias[row];
          }
          return fetched;
        },
        [&](bool) {
          if (half == 0) {
            stream.apply_scale();
          } else {
            stream.add(reinterpret_cast<const float*>(added), parts, stride);
          }
          stream.inputs([&](int piece, float4 values) {
            if constexpr (kIsCoded) {
              const int i = piece * kPieceRoom + first;
              store_coded4(coded, i, values, i < shape.part_inputs);
            } else {
              store_shared(to + piece * (kPieceRoom * 2), pair_of<T>(values.x, values.y));
              store_shared(to + piece * (kPieceRoom * 2) + 8, pair_of<T>(values.z, values.w));
            }
          });
          __syncwarp();
        },
        [&](int k) { stream.add_moments(k); },
        [&](bool, auto then) {
          stream.store_moments();
          sync_consumers();
          then();
          stream.settle();
        },
        [&](bool has_value, int tile, int r, float value, const Fetched& fetched) {
          finish(product, has_value, tile * kTileRows + r, r, stream.normed(value, fetched.folded) + fetched.bias,
                 fetched.to);
        });
    turn_.next_product(shape.turn);
  }

  /// A product with values of the exchange, whose results are added to the stream.
  __device__ __forceinline__ void run_on_values(StepProduct product, const Matrix& matrix) {
    const StreamShape& shape = a_.plan.products[product];
    const ItemRange items(turn_, shape);
    const bool is_out = product == kOut;
    std::uint32_t* out =
        exchange_ + (is_out ? a_.exchange.out : a_.exchange.down) + items.part * a_.model.shape.hidden_stride;
    const auto* from = exchange_ + (is_out ? a_.exchange.attended : a_.exchange.mlp);
    run_row_items<T, kFormat, true>(
        ring_, shape, items, rows_, turns_,
        [&](int tile, int r) {
          const int row = tile * kTileRows + r;
          Fetched fetched{};
          fetched.to = out + row;
          if (matrix.bias != nullptr && items.part == 0) fetched.bias = matrix.bias[row];
          return fetched;
        },
        [&](bool has_items) {
          if (!has_items) return;
          if (is_out && a_.n_splits != 1) {
            load_split_heads(shape, reinterpret_cast<const float*>(from), items.part);
          } else {
            const int size = is_out ? a_.model.shape.query_size() : a_.model.shape.intermediate;
            load_values(shape, reinterpret_cast<const T*>(from) + items.part * shape.part_inputs,
                        size - items.part * shape.part_inputs);
          }
          __syncwarp();
        },
        [](int) {},
        [](bool has_items, auto then) {
          if (has_items) sync_consumers();
          then();
        },
        [](bool has_value, int, int, float value, const Fetched& fetched) {
          if (has_value) publish(static_cast<float*>(fetched.to), value + fetched.bias);
        });
    turn_.next_product(shape.turn);
  }

  /// Waits for 16-bit values, of which there are `size`, and brings those of this warp into shared memory. A lane takes
  /// 8 values of every other piece.
  __device__ __forceinline__ void load_values(const StreamShape& shape, const T* from, int size) const {
    const int in_slice = turns_.lane() % 16 * 8;
    const int in_piece = turns_.warp() * shape.slice_inputs + in_slice;
    const int first = turns_.lane() / 16;
    const int piece = shape.piece_inputs;
    int n = shape.part_inputs;
    int end = in_slice < shape.slice_inputs && in_piece < piece ? min(n, size) : 0;
    int at = first * piece + in_piece;
    keep(n), keep(end), keep(at);
    const CodedRow coded(rows_, n, code_unit(kFormat));
    int to = first * kPieceRoom + turns_.warp() * kSliceRoom + in_slice;
    keep(to);
    const auto write = [&](int k, uint4 bits) {
      if constexpr (kIsCoded) {
        float4 low;
        float4 high;
        unpack8<T>(bits, low, high);
        store_coded8(coded, to + k * 2 * kPieceRoom, low, high, at + k * 2 * piece < n);
      } else {
        store_shared16(rows_ + static_cast<std::uint32_t>(to + k * 2 * kPieceRoom) * 2, ordered_for_slice(bits));
      }
    };
    const auto* bytes = reinterpret_cast<const std::byte*>(from + at);
    const std::int64_t stride = std::int64_t{4} * piece;
    if (shape.pieces <= 2) {
      uint4 words[1];
      await_together(words, bytes, stride, [&](int) { return at < end; });
      write(0, words[0]);
      return;
    }
#pragma unroll 1
    for (int left = shape.pieces; left > 0; left -= 4) {
      uint4 words[2];
      await_together(words, bytes, stride, [&](int k) { return at + k * 2 * piece < end; });
      write(0, words[0]);
      if (left > 2) write(1, words[1]);
      at += 4 * piece, to += 4 * kPieceRoom, bytes += 2 * stride;
    }
  }

  /// The same from heads of which each has parts of the positions.
  __device__ __forceinline__ void load_split_heads(const StreamShape& shape, const float* attended, int part) const {
    const int in_slice = turns_.lane() * 4;
    const int in_piece = turns_.warp() * shape.slice_inputs + in_slice;
    const int end = in_slice < shape.slice_inputs && in_piece < shape.piece_inputs ? shape.part_inputs : 0;
    const CodedRow coded(rows_, shape.part_inputs, code_unit(kFormat));
    const int n_splits = a_.n_splits;
    int to = turns_.warp() * kSliceRoom + in_slice;
#pragma unroll 1
    for (int begin = 0; begin < shape.part_inputs; begin += shape.piece_inputs, to += kPieceRoom) {
      const bool is_there = begin + in_piece < end;
      const auto i = static_cast<unsigned>(part * shape.part_inputs + begin + in_piece);
      const bool has_value = is_there && i < static_cast<unsigned>(a_.model.shape.query_size());
      const unsigned value = has_value ? i : 0;
      float4 values{};
      if (__any_sync(kAllLanes, has_value)) {
        values = merged_head(attended + value / kSimpleHead * static_cast<unsigned>(n_splits) * kHeadStride,
                             static_cast<int>(value % kSimpleHead), n_splits);
      }
      if (!has_value) values = {};
      if constexpr (kIsCoded) {
        store_coded4(coded, to, values, is_there);
      } else {
        const std::uint32_t place = rows_ + static_cast<std::uint32_t>(to - in_slice) * 2 + place_in_slice(in_slice);
        store_shared(place, pair_of<T>(values.x, values.y));
        store_shared(place + 8, pair_of<T>(values.z, values.w));
      }
    }
  }

  static constexpr bool kIsGated = Traits::kIsLlama;

  /// Takes a value of a product with the stream: of output `row`, which is r of its tile.
  __device__ __forceinline__ void finish(StepProduct product, bool has_value, int row, int r, float value, void* to) {
    const Shape& shape = a_.model.shape;
    if (product == kUp) {
      const float partner = kIsGated ? __shfl_down_sync(kAllLanes, value, 8) : 1.0F;
      value = activated(Traits::activation(shape), value);
      if (kIsGated) value *= partner;
      const float next = __shfl_down_sync(kAllLanes, value, 1);
      if (has_value && r % 2 == 0 && (!kIsGated || r < 8)) publish_pair(static_cast<T*>(to), value, next);
      return;
    }
    if (!has_value) return;
    if (product == kHead) {
      if (row >= shape.vocab) return;
      if (a_.rows[0].wants_logits != 0) __stcg(a_.work.logits + row, value);
      best_ = max(best_, argmax_key(value, static_cast<std::uint32_t>(row)));
      return;
    }
    publish(static_cast<float*>(to), value);
  }

  const StepArguments& a_;
  RingPlace ring_;
  ItemTurn turn_;
  const LayerWeights* layers_;
  float* parts_;
  std::uint32_t rows_;  // in shared memory
  RowItems turns_;
  std::uint32_t moments_;
  std::uint32_t* exchange_ = nullptr;  // of the present layer
  unsigned long long best_ = 0;        // of this thread's logits
};

}  // namespace inferbench::cuda_backend
