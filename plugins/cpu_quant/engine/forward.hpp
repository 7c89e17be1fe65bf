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
#include "engine/team.hpp"
#include "inferbench/op_bench.h"

namespace inferbench::cpu_quant {

/// Takes one batch after another through the model: a program of steps whose items the team shares.
///
/// A step is a matrix product, attention, or work on rows (normalize, quantize). With one row, work on rows is too
/// short to share: whoever ends the step before does it. In the last layer, rows whose logits nobody wants end when
/// their keys and values are stored.
class ForwardPass final : public PhasedWork {
 public:
  /// All scratch memory is allocated here, for batches of at most max_rows rows. Throws std::bad_alloc.
  ForwardPass(const Model& model, KvCache& cache, std::int32_t max_rows, std::int32_t n_slots);

  std::uint64_t scratch_bytes() const { return buffer_.size(); }
  Profile& profile() { return profile_; }

  /// Runs the batch: fills the cache and writes the wanted outputs. False when the host cancelled.
  bool run(const Batch& batch, const ib_forward_params& params);

  // Single operators (forward_operator.cpp), on the layer of a copy. The batch's rows are those of the input.
  /// Puts the input where the operator reads it. Throws Failure for an operator that is a part of another here, and
  /// std::bad_alloc.
  void place_input(const ib_op_desc& desc);
  /// False when the host cancelled.
  bool run_operator(std::int32_t op, std::int32_t layer, const Batch& batch);
  /// The latest result, dense rows.
  void read_result(std::int32_t op, float* result) const;

  std::uint32_t n_phases() const noexcept override { return static_cast<std::uint32_t>(steps_.size()); }
  std::uint32_t n_items(std::uint32_t phase) const noexcept override { return steps_[phase].n_items; }
  void run_item(std::uint32_t phase, std::uint32_t item, int thread) noexcept override;
  void finish_phase(std::uint32_t phase, int thread) noexcept override;
  void poll(std::uint32_t phase) noexcept override;
  void idle(std::uint32_t phase, int thread, std::uint32_t spins) noexcept override;

 private:
  enum class Op : std::int32_t {
    None,
    Embed,              // rows: x = embedding + position
    Place,              // rows, of an operator: x = what it begins with
    NormAttention,      // rows: width_rows = layer_norm(x; ln_1)
    Qkv,                // product: qkv
    Append,             // per segment and head: keys and values into the cache
    Attention,          // per query block and group of heads, or head: attention, width_rows of it where a head is
                        // whole blocks; appends too where a segment is one query block
    QuantizeAttention,  // rows: width_rows = attention, where Attention does not
    AttentionProj,      // product: x += ...
    NormMlp,            // rows: width_rows = layer_norm(x; ln_2)
    Fc,                 // product: hidden_rows = activation(...)
    MlpProj,            // product: x += ...
    NormHead,           // wanted rows: width_rows = layer_norm(x; ln_f)
    Head,               // product: logits, or the best of each piece
  };

  /// How a product is cut into items: row blocks of `rows` times tile blocks of `tiles`.
  struct Grid {
    std::int32_t rows = 0;
    std::int32_t tiles = 0;
    std::int32_t tile_blocks = 0;
  };

  struct Step {
    Op op = Op::None;
    Op after = Op::None;  // row work for the thread that ends the step
    std::int32_t layer = 0;
    std::int32_t after_layer = 0;
    std::int32_t rows = 0;  // that it works on
    std::uint32_t n_items = 0;
    bool of_wanted = false;  // in the last layer: rows that nobody wants are left out, the others moved together
    bool by_group = false;   // attention: an item is a group of heads, not one
    Grid grid;
  };

  /// An item of attention: heads of one group.
  struct HeadItem {
    const QueryBlock* block;
    std::int32_t index;  // of the block
    std::int32_t group;
    HeadRange heads;
  };

  /// An item of a product.
  struct Piece {
    std::int32_t row_begin;
    std::int32_t row_end;
    std::int32_t tile_begin;
    std::int32_t tile_end;
  };

  /// Bytes that are about to be read.
  struct Stretch {
    const std::uint8_t* data = nullptr;
    std::int64_t bytes = 0;
  };

  struct Best {
    float value;
    std::int32_t id;
  };

  // forward.cpp: the program
  void ask_host(std::int32_t layer) noexcept;
  void build_program();
  void add_layer(std::int32_t layer);
  void add_rows(Op op, std::int32_t layer, std::int32_t rows);
  void add_product(Op op, std::int32_t layer, const Linear& linear, std::int32_t rows);
  void add_attention(std::int32_t layer, std::int32_t rows, bool of_wanted);
  void add_items(Op op, std::int32_t layer, std::int32_t rows, std::size_t n_items);
  std::int32_t stream_tiles(const Linear& linear) const;
  Grid product_grid(Op op, const Linear& linear, std::int32_t rows) const;
  void record(Op op, std::int32_t layer, int thread, std::uint64_t begin, std::uint64_t bytes, std::uint64_t flops);
  static const char* operation_name(Op op);

  // forward_items.cpp: what the items compute
  /// Rows [begin, end) of n_rows.
  void row_work(Op op, std::int32_t layer, std::int32_t n_rows, std::int32_t begin, std::int32_t end);
  void embed(std::int32_t begin, std::int32_t end);
  void product_item(const Step& step, std::uint32_t item, int thread);
  MatmulArgs product_args(const Step& step, const Piece& piece, int thread) const;
  void finish_product(const Step& step, const Piece& piece, const MatmulArgs& args);
  void multiply(const Step& step, const MatmulArgs& args, int thread);
  void stream(const MatmulArgs& args, bool int4);
  void gather_wanted();
  void append_item(const Step& step, std::uint32_t item, int thread);
  void attention_item(const Step& step, std::uint32_t item, int thread);
  AttentionArgs attention_args(const Segment& segment, std::int32_t layer, std::int32_t group, HeadRange heads,
                               std::int32_t first_row) const;
  /// By the segment, not by what the number of threads leaves of it in a block: the two round differently.
  static bool attends_few(const Segment& segment, bool of_wanted) {
    return of_wanted || segment.n_rows <= kAttentionFewRows;
  }
  HeadItem head_item(const Step& step, std::uint32_t item) const;
  void pick_best();
  const Linear& linear_of(const Step& step) const;
  Piece piece_of(const Step& step, std::uint32_t item) const;
  /// Whether each head of attention makes whole parts of a quantized row.
  bool quantizes_heads() const { return cache_.head_dim() % 64 == 0; }
  std::uint32_t phase_of(const Step& step) const { return static_cast<std::uint32_t>(&step - steps_.data()); }
  bool wants_ids() const { return params_->output == IB_OUTPUT_GREEDY; }

  // forward_operator.cpp
  void build_operator(std::int32_t op, std::int32_t layer);
  /// Of qkv_'s rows.
  std::int32_t qkv_columns() const { return std::max(3 * model_.shape.width, model_.linear_outputs); }

  // lookahead.cpp: what a thread will read next
  Stretch keys_of(const Step& step, std::uint32_t item) const;
  Stretch first_read(std::uint32_t phase, int thread) const;
  void look_ahead(std::uint32_t phase, int thread, std::int64_t begin, std::int64_t n) const;
  void look_ahead_at_end(std::uint32_t phase, int thread) const;

  std::int32_t row_items(std::int32_t rows) const;
  /// Whether a product of so many rows is one of few rows after the other: it waits for the weights, which pass once.
  bool streams(std::int32_t rows) const { return rows <= kernels_.streamed_rows; }
  /// What writes the rows that a product of so many reads.
  const RowKernels& row_kernels(std::int32_t rows) const {
    return streams(rows) ? kernels_.gemv_rows : kernels_.gemm_rows;
  }
  /// The one at `row` of n_rows rows for a product, k inputs each.
  std::uint8_t* product_row(std::uint8_t* base, std::int32_t k, std::int32_t n_rows, std::int32_t row) const {
    return base + row * row_bytes(row_kernels(n_rows).format, k);
  }

  const Model& model_;
  const KernelTable& kernels_;
  KvCache& cache_;
  Profile profile_;
  std::vector<Step> steps_;
  const Batch* batch_ = nullptr;
  const ib_forward_params* params_ = nullptr;
  std::int32_t polled_layer_ = -1;
  std::atomic<bool> cancelled_{false};

  Buffer buffer_;
  float* x_ = nullptr;                         // [rows][width] residual stream
  float* qkv_ = nullptr;                       // [rows][3 width]
  float* attention_ = nullptr;                 // [rows][width]
  std::vector<float> placed_;                  // of an operator: [rows][width] what x begins with
  std::uint8_t* width_rows_ = nullptr;         // [rows] of width, as row_kernels of the step writes them
  std::uint8_t* hidden_rows_ = nullptr;        // [rows] of inner
  Best* best_ = nullptr;                       // [tile blocks of the head][wanted rows]
  std::vector<std::uint8_t*> thread_scratch_;  // per thread: a panel or tiles made ready, or attention's blocks
  std::vector<float*> thread_result_;          // per thread: the result of one item of Fc, or of Head for ids
};

}  // namespace inferbench::cpu_quant
