// SPDX-License-Identifier: Apache-2.0
// The steps of a forward pass, and the items of each that threads share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/product_grid.hpp"

namespace inferbench::cpu_quant {

/// What a step computes: a matrix product, attention, or work on rows.
enum class Op : std::int32_t {
  Embed,              // rows: x = embedding + position; rotary tables
  Place,              // rows, of an operator: x = its input
  PlaceRows,          // rows, of an operator: input_rows = its input, x = 0
  NormAttention,      // rows: input_rows = attn_norm(x)
  Qkv,                // product: qkv
  Append,             // per segment and head: keys and values into the cache
  Attention,          // per query tile and group of heads, or head of queries: attention, input_rows of it where a head
                      // is whole quantization blocks; appends too where no Append precedes
  AttentionMerge,     // per query tile and group of heads, after an Attention by chunks: attention, input_rows as there
  QuantizeAttention,  // rows: input_rows = attention, where Attention does not
  AttentionOut,       // product: x += ..., or branch = ...
  AddAttention,       // rows: x += attn_post_norm(branch)
  NormMlp,            // rows: input_rows = mlp_norm(x)
  Up,                 // product: inner_rows = activation(...), gated or not
  Down,               // product: x += ..., or branch = ...
  AddMlp,             // rows: x += mlp_post_norm(branch)
  NormHead,           // output rows: input_rows = final_norm(x)
  Head,               // product: logits, or the best id of each item
};

/// Its name in a profile.
const char* operation_name(Op op);

/// Work on rows.
struct RowWork {
  Op op;
  std::int32_t layer;  ///< -1 outside the layers
};

/// Rows [begin, end).
struct RowRange {
  std::int32_t begin;
  std::int32_t end;
};

/// The number of items of work on `rows` rows.
std::int32_t n_row_items(std::int32_t rows);
/// The rows of one of n_items; empty for the last ones where rows do not divide.
RowRange row_item(std::int32_t rows, std::uint32_t n_items, std::uint32_t item);

struct Step {
  Op op;
  std::int32_t layer;
  std::int32_t rows;  ///< that it works on
  std::uint32_t n_items;
  bool of_outputs = false;           ///< in the last layer: only the output rows go on, moved together
  bool by_group = false;             ///< attention: an item is a group of heads, not one
  bool appends = false;              ///< attention: stores keys and values, too
  std::int32_t chunks = 0;           ///< attention: items of a tile and group, a chunk of keys each; 0: one of all keys
  ProductGrid grid{};                ///< of a product
  std::uint32_t first_row_work = 0;  ///< see StepList::row_work_after
  std::uint32_t end_row_work = 0;
};

/// The program of a pass: steps one after another. Memory is allocated by the constructor.
class StepList {
 public:
  /// For passes through a model of n_layers layers. Throws std::bad_alloc.
  explicit StepList(std::size_t n_layers);

  void clear();

  /// Adds a step. The reference is valid until the next call.
  Step& add(Op op, std::int32_t layer, std::int32_t rows, std::size_t n_items);

  /// Adds work on rows: a step of its own, or, where one row is too short to share, done by the thread that finishes
  /// the step before. Several in a row all follow that step, in this order.
  void add_row_work(RowWork work, std::int32_t rows);

  /// Work on one row that follows a step.
  std::span<const RowWork> row_work_after(const Step& step) const {
    return std::span(row_work_).subspan(step.first_row_work, step.end_row_work - step.first_row_work);
  }

  std::uint32_t size() const { return static_cast<std::uint32_t>(steps_.size()); }
  const Step& operator[](std::uint32_t i) const { return steps_[i]; }
  const Step& back() const { return steps_.back(); }
  std::uint32_t index_of(const Step& step) const { return static_cast<std::uint32_t>(&step - steps_.data()); }

 private:
  std::vector<Step> steps_;
  std::vector<RowWork> row_work_;  // of all steps, in their order
};

}  // namespace inferbench::cpu_quant
