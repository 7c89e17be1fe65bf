// SPDX-License-Identifier: Apache-2.0
//
// A decode step as a block sees it: what its producer and its consumers do, product by product. See step_plan.hpp for
// how the weights are streamed; products, attention, norms and exchanges have their own headers.
#pragma once

#include "step.hpp"
#include "step_attention.cuh"
#include "step_common.cuh"
#include "step_exchange.cuh"
#include "step_norm.cuh"
#include "step_products.cuh"
#include "step_ring.cuh"
#include "step_row_products.cuh"

namespace inferbench::cuda_backend {

/// What a block executes between two exchanges is what the others wait for, and an instruction takes about 8 cycles,
/// since most need the one before. The innermost instruction cache holds 32 KiB, and what a layer needs beyond it is
/// fetched anew in every layer. So all products share one place in a loop, and nothing is written out twice that need
/// not be. `kVectors`: the plan's. `Cached`: what the KV cache holds.
template <typename T, typename Cached, Format kFormat, Format kHeadFormat, int kVectors, bool kOneRow>
class Step {
 public:
  __device__ Step(const StepArguments& a, std::byte* shared)
      : a_(a),
        ring_(shared, a.plan),
        layers_(reinterpret_cast<const LayerWeights*>(shared + a.plan.layers_at)),
        reduce_(reinterpret_cast<float*>(shared + a.plan.reduce_at)),
        rows_(reinterpret_cast<T*>(shared + a.plan.rows_at)),
        moments_(reinterpret_cast<float2*>(shared + a.plan.moments_at)),
        thread_(static_cast<int>(threadIdx.x)),
        warp_(thread_ / kWarp),
        row_items_{threadIdx.x, shared_address(reduce_)} {
    if (kOneRow) keep(thread_);
  }

  __device__ void produce() { stream_model<kFormat, kHeadFormat>(a_, ring_, turn_, layers_); }

  __device__ void consume() {
    AttentionItem<Cached> item;
    Row row(a_, has_row() ? own_row() : 0, moments_);
    clear_other_set(a_);
    exchange_ = a_.work.exchange[a_.set];
    const int n_products = a_.model.shape.n_layers * kLayerProducts;
    // The head shares the others' code where it has their format.
    constexpr bool kHeadIsAlike = kFormat == kHeadFormat;
    const int end = n_products + (kHeadIsAlike && a_.wants_head != 0 ? 1 : 0);
#pragma unroll 1
    for (int index = 0; index < end; ++index) {
      const int in_layer = index % kLayerProducts;
      const int product = index < n_products ? in_layer : static_cast<int>(kHead);
      const LayerWeights& layer = layers_[index / kLayerProducts];
      if (product == kOut) {
        attend<T, kOneRow>(a_, item, layer, index / kLayerProducts, reinterpret_cast<float*>(rows_), exchange_, warp_);
      }
      run<kFormat>(static_cast<StepProduct>(product), (&layer.qkv)[in_layer], row, index,
                   in_layer == kQkv ? layer.attn_norm : layer.mlp_norm);
      if (product == kDown) exchange_ += a_.exchange.layer_words;
    }
    if (a_.wants_head == 0) return;
    if constexpr (!kHeadIsAlike) {
      const LayerWeights& head = layers_[a_.model.shape.n_layers];
      run<kHeadFormat>(kHead, head.qkv, row, n_products, head.attn_norm);
    }
    const RoundPlace<kOneRow> place(a_.n_rows);  // a thread has always had this row
    finish_head(a_, best_, place.n, place.shift);
  }

 private:
  static constexpr bool kIsCoded = kOneRow && is_quantized(kFormat);
  using Row = RowOfBlock<T, kVectors, kOneRow ? kMostParts / kVectors : kMostParts>;

  __device__ static int own_row() {
    return kOneRow ? 0 : static_cast<int>(blockIdx.x);
  }
  __device__ bool has_row() const {
    return kOneRow || own_row() < a_.n_rows;
  }

  /// Adds the result of the product two before `index` to the residual stream, where there is one. `norm`: the next
  /// one.
  __device__ __forceinline__ void add_to_stream(Row& row, int index, const NormWeights& norm) const {
    if (!has_row()) return;
    row.prepare(norm);
    const bool is_out = index % kLayerProducts == kUp;
    const int stride = a_.model.shape.hidden_stride;
    if (index != 0) {
      // The last layer's words lie before the present ones.
      const std::uint32_t* from = exchange_ + (is_out ? a_.exchange.out : a_.exchange.down - a_.exchange.layer_words);
      const LayerWeights& layer = layers_[(index - 1) / kLayerProducts];
      row.add({reinterpret_cast<const float*>(from) + own_row() * stride, a_.plan.products[is_out ? kOut : kDown].parts,
               a_.n_rows * stride},
              is_out ? layer.attn_post_norm : layer.mlp_post_norm);
    }
    if constexpr (!kOneRow) {
      T* to = reinterpret_cast<T*>(exchange_ + (is_out ? a_.exchange.mlp_input : a_.exchange.attn_input)) +
              own_row() * stride;
      row.norm(stride, [&](int i, float4 values) {
        publish_pair(to + i, values.x, values.y);
        publish_pair(to + i + 2, values.z, values.w);
      });
    }
  }

  /// A part of a product's inputs: waits for them and brings them into shared memory.
  template <Format kOf>
  __device__ __forceinline__ void load(StepProduct product, Row& row, int first, int n) {
    const Shape& shape = a_.model.shape;
    const CodedRow coded(shared_address(rows_), n, code_unit(kOf));
    const auto write4 = [&](int r, int i, float4 values) {
      if constexpr (kIsCoded) {
        store_coded4(coded, i, values);
      } else {
        store4(rows_ + r * (n + kRowPad) + i, values);
      }
    };
    if (product == kOut && !hands_on_values(a_)) {
      load_attended<kOneRow>(a_, exchange_, first, n, warp_, write4);
    } else if (kOneRow && product != kOut && product != kDown) {
      row.norm(n, [&](int i, float4 values) { write4(0, i, values); });
    } else {
      const int at = product == kOut    ? a_.exchange.attended
                     : product == kDown ? a_.exchange.mlp
                     : product == kUp   ? a_.exchange.mlp_input
                                        : a_.exchange.attn_input;
      const int stride = product == kOut    ? shape.query_stride
                         : product == kDown ? shape.mlp_stride
                                            : shape.hidden_stride;
      const int size = product == kOut ? shape.query_size() : product == kDown ? shape.intermediate : stride;
      load_rows<T, kOneRow>(a_, reinterpret_cast<const T*>(exchange_ + at), stride, size, first, n, warp_,
                            [&](int r, int i, uint4 bits, bool is_there) {
                              if constexpr (kIsCoded) {
                                float4 low;
                                float4 high;
                                unpack8<T>(bits, low, high);
                                store_coded8(coded, i, low, high, is_there);
                              } else if (is_there) {
                                *reinterpret_cast<uint4*>(rows_ + r * (n + kRowPad) + i) = bits;
                              }
                            });
    }
  }

  /// What is fetched before a product for one of its values.
  struct Fetched {
    float bias;
    float partner_bias;
  };

  __device__ __forceinline__ Fetched before(const float* bias, int tile, int r) const {
    const int row = tile * kTileRows + r;
    Fetched fetched{};
    if (bias != nullptr) {
      fetched.bias = bias[row];
      if (r < 8) fetched.partner_bias = bias[row + 8];
    }
    return fetched;
  }

  /// Where a layer's value goes, of activation row n.
  __device__ __forceinline__ void* place_of(StepProduct product, int part, int tile, int r, int n) const {
    const Shape& shape = a_.model.shape;
    const int row = tile * kTileRows + r;
    if (product == kUp) {
      return reinterpret_cast<T*>(exchange_ + a_.exchange.mlp) + n * shape.mlp_stride +
             (shape.gated != 0 ? tile * 8 + r : row);
    }
    const int at = product == kQkv ? a_.exchange.qkv : (product == kOut ? a_.exchange.out : a_.exchange.down);
    const int stride = product == kQkv ? shape.qkv_stride : shape.hidden_stride;
    return exchange_ + at + (part * a_.n_rows + n) * stride + row;
  }

  template <Format kOf>
  __device__ __forceinline__ void run(StepProduct product, const Matrix& matrix, Row& row, int index,
                                      const NormWeights& norm) {
    const StreamShape& shape = a_.plan.products[product];
    const ItemRange items(turn_, shape);
    const bool reads_stream = product != kOut && product != kDown;
    if (reads_stream) add_to_stream(row, index, norm);
    const float* bias = items.part == 0 ? matrix.bias : nullptr;
    const auto fetch = [&](int tile, int r) { return before(bias, tile, r); };
    const auto load_inputs = [&](bool has_items) {
      if (!has_items) return;
      load<kOf>(product, row, items.part * shape.part_inputs, shape.part_inputs);
      sync_consumers();
    };
    if constexpr (kIsCoded) {
      run_row_items<T, kOf, false>(
          ring_, shape, items, shared_address(rows_), row_items_, fetch, load_inputs, [](int) {},
          [](bool has_items, auto then) {
            if (has_items) sync_consumers();
            then();
          },
          [&](bool has_value, int tile, int r, float value, const Fetched& fetched) {
            value += fetched.bias;
            const float partner = __shfl_down_sync(kAllLanes, value, 8);
            finish(product, has_value, items.part, tile, r, 0, value, partner);
          });
    } else {
      run_items<T, kOf, kOneRow>(
          ring_, shape, items, rows_, a_.n_rows, warp_, reduce_, fetch, load_inputs,
          [&](bool has_value, int tile, int r, int n, float value, float partner, const Fetched& fetched) {
            finish(product, has_value, items.part, tile, r, n, value + fetched.bias, partner + fetched.partner_bias);
          });
    }
    turn_.next_product(shape.turn);
  }

  /// Takes a value of a product: output r of a tile, of activation row n. `partner`: of output r + 8, see run_items.
  __device__ __forceinline__ void finish(StepProduct product, bool has_value, int part, int tile, int r, int n,
                                         float value, float partner) {
    const Shape& shape = a_.model.shape;
    if (product == kUp) {
      value = activated(shape.activation, value);
      const bool gated = shape.gated != 0;
      if (gated) value *= partner;
      const float next = __shfl_down_sync(kAllLanes, value, 1 << RoundPlace<kOneRow>(a_.n_rows).shift);
      if (has_value && r % 2 == 0 && (!gated || r < 8)) {
        publish_pair(static_cast<T*>(place_of(product, part, tile, r, n)), value, next);
      }
      return;
    }
    if (!has_value) return;
    if (product == kHead) {
      const int row = tile * kTileRows + r;
      if (row >= shape.vocab) return;
      value = soft_cap(value, shape.logit_cap);
      if (a_.rows[n].wants_logits != 0)
        __stcg(a_.work.logits + static_cast<std::int64_t>(n) * shape.vocab + row, value);
      best_ = max(best_, argmax_key(value, static_cast<std::uint32_t>(row)));
      return;
    }
    publish(static_cast<float*>(place_of(product, part, tile, r, n)), value);
  }

  const StepArguments& a_;
  RingPlace ring_;
  ItemTurn turn_;
  const LayerWeights* layers_;
  float* reduce_;
  T* rows_;
  float2* moments_;
  int thread_;
  int warp_;
  RowItems row_items_;
  std::uint32_t* exchange_ = nullptr;  // of the present layer
  unsigned long long best_ = 0;        // of this thread's logits
};

}  // namespace inferbench::cuda_backend
