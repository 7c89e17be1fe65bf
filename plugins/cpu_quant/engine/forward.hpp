// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

#include "engine/batch.hpp"
#include "engine/buffer.hpp"
#include "engine/kv_cache.hpp"
#include "engine/model.hpp"
#include "engine/profile.hpp"
#include "engine/steps.hpp"
#include "engine/thread_team.hpp"
#include "inferbench/op_bench.h"
#include "kernels/int5.h"

namespace inferbench::cpu_quant {

/// Takes one batch after another through the model: a program of steps whose items the team shares.
///
/// A step is a matrix product, attention, or work on rows (normalize, quantize). With one row, work on rows is too
/// short to share: the thread that finishes the step before does it. In the last layer, only the output rows go on
/// once keys and values are stored.
class ForwardPass final : public PhasedWork {
 public:
  /// All scratch memory is allocated here, for batches of at most max_rows rows, of which the best id is wanted of at
  /// most max_greedy. Throws std::bad_alloc.
  ForwardPass(const Model& model, KvCache& cache, std::int32_t max_rows, std::int32_t max_greedy);

  std::uint64_t scratch_bytes() const { return buffer_.size(); }
  Profile& profile() { return profile_; }

  /// Runs the batch: fills the cache and writes the wanted outputs. False when the host cancelled.
  bool run(const Batch& batch, const ib_forward_params& params);

  // Single operators (forward_operator.cpp), on the layer of a copy. The batch's rows are those of the input.
  /// Puts the input where the operator reads it. Throws Failure for an operator that is a part of another here, and
  /// std::bad_alloc.
  void place_input(const ib_op_desc& desc, const Batch& batch);
  /// False when the host cancelled.
  bool run_operator(std::int32_t op, std::int32_t layer, const Batch& batch);
  /// The latest result, dense rows.
  void read_result(std::int32_t op, float* result) const;

  std::uint32_t n_phases() const noexcept override { return steps_.size(); }
  std::uint32_t n_items(std::uint32_t phase) const noexcept override { return steps_[phase].n_items; }
  void run_item(std::uint32_t phase, std::uint32_t item, int thread) noexcept override;
  void finish_phase(std::uint32_t phase, int thread) noexcept override;
  void poll(std::uint32_t phase) noexcept override;
  void idle(std::uint32_t phase, int thread, std::uint32_t spins) noexcept override;

 private:
  /// An item of attention: some heads of queries, with the heads of keys of one group that they share.
  struct HeadItem {
    const QueryTile* tile;
    std::int32_t index;  // of the tile
    std::int32_t group;
    HeadRange heads;     // of keys
    HeadRange queries;   // as many for each of them
    std::int32_t chunk;  // of keys, counted from the first that the tile sees
  };

  /// Memory that is about to be read.
  struct MemoryRange {
    const std::uint8_t* data = nullptr;
    std::int64_t bytes = 0;
  };

  /// Positions [first, end).
  struct KeyRange {
    std::int32_t first;
    std::int32_t end;
  };

  struct Best {
    float value;
    std::int32_t id;
  };

  // forward.cpp: the program
  void ask_host(std::int32_t layer) noexcept;
  void build_program();
  void add_layer(std::int32_t layer);
  void add_product(Op op, std::int32_t layer, const Linear& linear, std::int32_t rows);
  void add_attention(std::int32_t layer, std::int32_t rows, bool of_outputs);
  void record(Op op, std::int32_t layer, int thread, std::uint64_t begin, std::uint64_t bytes, std::uint64_t flops);

  // forward_items.cpp: items, and matrix products
  void run_product(const Step& step, std::uint32_t item, int thread);
  MatmulArgs product_args(const Step& step, const ProductItem& part, int thread) const;
  void finish_product(const Step& step, const ProductItem& part, const MatmulArgs& args);
  void finish_activation(const Step& step, const ProductItem& part, const MatmulArgs& args);
  void finish_logits(const Step& step, const ProductItem& part, const MatmulArgs& args);
  void multiply(const Step& step, const MatmulArgs& args, int thread);
  void stream(const MatmulArgs& args, WeightFormat format);
  void pick_best();
  const Layer& layer_of(std::int32_t layer) const { return model_.layers[static_cast<std::size_t>(layer)]; }
  const Linear& linear_of(const Step& step) const;
  ProductItem part_of(const Step& step, std::uint32_t item) const {
    return product_item(step.grid, item, step.rows, n_tiles(linear_of(step).n));
  }
  /// Whether the best id of an output row is wanted: then all logits of the pass are made item by item.
  bool wants_ids() const { return n_greedy_ > 0; }

  // forward_rows.cpp: work on rows
  /// Some rows of n_rows.
  void row_work(RowWork work, std::int32_t n_rows, RowRange rows);
  void norm_outputs(std::int32_t n_rows, RowRange rows);
  void embed(std::int32_t begin, std::int32_t end);
  void fill_rotary(const Batch& batch, std::int32_t begin, std::int32_t end);
  void gather_outputs();

  // forward_attention.cpp
  void run_append(const Step& step, std::uint32_t item, int thread);
  void run_attention(const Step& step, std::uint32_t item, int thread);
  void run_merge(const Step& step, std::uint32_t item, int thread);
  void quantize_attention(const Step& step, const HeadItem& part, const AttentionArgs& args);
  AttentionArgs tile_args(const Step& step, const HeadItem& part, int thread) const;
  std::int32_t output_row(const Step& step, const HeadItem& part) const;
  KeyRange keys_seen(std::int32_t layer, const QueryTile& tile) const;
  std::int32_t chunks_of(std::int32_t layer, const QueryTile& tile) const;
  float* parts_of(const HeadItem& part) const;
  void record_attention(const Step& step, const AttentionArgs& args, std::int32_t n_keys, int thread,
                        std::uint64_t begin_ns);
  AttentionArgs attention_args(const PassSegment& segment, std::int32_t layer, const HeadItem& item,
                               std::int32_t first_row) const;
  HeadItem head_item(const Step& step, std::uint32_t item) const;
  /// By the segment, not by what the number of threads leaves of it in a tile: the two round differently.
  static bool attends_few(const PassSegment& segment, bool of_outputs) {
    return of_outputs || segment.n_rows <= kAttentionFewRows;
  }
  /// Whether each head of attention makes whole parts of a quantized row.
  bool quantizes_heads() const { return cache_.head_dim() % 64 == 0; }

  // forward_operator.cpp
  void build_operator(std::int32_t op, std::int32_t layer);

  // lookahead.cpp: what a thread will read next
  MemoryRange keys_of(const Step& step, std::uint32_t item) const;
  MemoryRange first_read(std::uint32_t phase, int thread) const;
  void look_ahead(std::uint32_t phase, int thread, std::int64_t begin, std::int64_t n) const;
  void look_ahead_at_end(std::uint32_t phase, int thread) const;

  /// What writes the rows that a product of this many rows reads.
  const RowKernels& row_kernels(std::int32_t rows, WeightFormat weights) const {
    return streams_weights(kernels_, rows, weights) ? kernels_.gemv_rows : kernels_.gemm_rows;
  }
  /// Of a product within a layer: its formats have kernels for any number of rows.
  const RowKernels& row_kernels(std::int32_t rows) const { return row_kernels(rows, WeightFormat::Int8); }
  /// The one at `row` of n_rows rows for a product, k inputs each.
  std::uint8_t* product_row(std::uint8_t* base, std::int32_t k, std::int32_t n_rows, std::int32_t row,
                            WeightFormat weights = WeightFormat::Int8) const {
    return base + row * row_bytes(row_kernels(n_rows, weights).format, k);
  }

  const Model& model_;
  const KernelTable& kernels_;
  const Int5Kernels& int5_;
  KvCache& cache_;
  Profile profile_;
  StepList steps_;
  const Batch* batch_ = nullptr;
  const ib_forward_params* params_ = nullptr;
  std::int32_t polled_layer_ = -1;
  std::atomic<bool> cancelled_{false};
  std::int32_t n_greedy_ = 0;      // of the pass: output rows whose best id is wanted
  std::int64_t first_greedy_ = 0;  // index of the first of their ids

  Buffer buffer_;
  QkvColumns columns_;
  std::int32_t attention_columns_;      // of attention_: queries, or hidden_size where that is more
  float* x_ = nullptr;                  // [rows][hidden_size] residual stream
  float* qkv_ = nullptr;                // [rows][columns_.n]; of the operator LINEAR: [rows][its outputs]
  float* attention_ = nullptr;          // [rows][queries] attention, then [rows][hidden_size] a branch's result
  float* rotary_ = nullptr;             // [rows][tables][head_dim]: cosines and sines of the row's position
  std::vector<float> placed_;           // of an operator: [rows][hidden_size] its input
  std::uint8_t* input_rows_ = nullptr;  // [rows] of hidden_size or queries, as row_kernels of the step writes them
  std::uint8_t* inner_rows_ = nullptr;  // [rows] of intermediate_size
  float* parts_ = nullptr;              // of attention by chunks, of one query tile and group of heads after the other
  std::int64_t tile_parts_ = 0;         // floats of each
  Best* best_ = nullptr;                // [tile blocks of the head][greedy rows]
  std::vector<std::uint8_t*> thread_scratch_;  // per thread: a panel or tiles made ready, or attention's tiles
  std::vector<float*> thread_result_;          // per thread: the result of one item of Up, or of Head for ids
};

}  // namespace inferbench::cpu_quant
