// SPDX-License-Identifier: Apache-2.0
#include "engine/steps.hpp"

#include <algorithm>

namespace inferbench::cpu_quant {
namespace {

constexpr std::int32_t kRowsPerItem = 8;
constexpr std::size_t kStepsPerLayer = 12;  // and three outside the layers

}  // namespace

const char* operation_name(Op op) {
  switch (op) {
    case Op::Embed:
      return "embedding";
    case Op::Place:
      return "place";
    case Op::PlaceRows:
      return "place_rows";
    case Op::NormAttention:
      return "attn_norm";
    case Op::Qkv:
      return "attn_qkv";
    case Op::Append:
      return "attn_append";
    case Op::Attention:
      return "attention";
    case Op::AttentionMerge:
      return "attn_merge";
    case Op::QuantizeAttention:
      return "attn_quantize";
    case Op::AttentionOut:
      return "attn_out";
    case Op::AddAttention:
      return "attn_post_norm";
    case Op::NormMlp:
      return "mlp_norm";
    case Op::Up:
      return "mlp_up";
    case Op::Down:
      return "mlp_down";
    case Op::AddMlp:
      return "mlp_post_norm";
    case Op::NormHead:
      return "final_norm";
    case Op::Head:
      return "head";
  }
  return "";
}

std::int32_t n_row_items(std::int32_t rows) {
  // Few rows: an item each, so that all threads have some.
  return rows <= 4 * kRowsPerItem ? rows : ceil_div(rows, kRowsPerItem);
}

RowRange row_item(std::int32_t rows, std::uint32_t n_items, std::uint32_t item) {
  const std::int32_t per_item = ceil_div(rows, static_cast<std::int32_t>(n_items));
  const std::int32_t begin = std::min(static_cast<std::int32_t>(item) * per_item, rows);
  return {begin, std::min(begin + per_item, rows)};
}

StepList::StepList(std::size_t n_layers) {
  steps_.reserve(n_layers * kStepsPerLayer + 3);
  row_work_.reserve(n_layers * kStepsPerLayer + 3);
}

void StepList::clear() {
  steps_.clear();
  row_work_.clear();
}

Step& StepList::add(Op op, std::int32_t layer, std::int32_t rows, std::size_t n_items) {
  const auto next_row_work = static_cast<std::uint32_t>(row_work_.size());
  Step step{op, layer, rows, static_cast<std::uint32_t>(n_items)};
  step.first_row_work = step.end_row_work = next_row_work;
  return steps_.emplace_back(step);
}

void StepList::add_row_work(RowWork work, std::int32_t rows) {
  if (rows > 1 || steps_.empty()) {
    add(work.op, work.layer, rows, static_cast<std::size_t>(n_row_items(rows)));
    return;
  }
  row_work_.push_back(work);
  steps_.back().end_row_work = static_cast<std::uint32_t>(row_work_.size());
}

}  // namespace inferbench::cpu_quant
