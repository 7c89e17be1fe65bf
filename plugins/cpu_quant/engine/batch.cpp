// SPDX-License-Identifier: Apache-2.0
#include "engine/batch.hpp"

#include <algorithm>

namespace inferbench::cpu_quant {
namespace {

constexpr std::int32_t kFewestBlockRows = 16;  // and blocks are multiples of it: register tiles take up to 32
constexpr std::int32_t kItemsPerThread = 3;

}  // namespace

Batch::Batch(std::int32_t max_rows, std::int32_t n_slots, const QueryCut& cut) : max_rows_(max_rows), cut_(cut) {
  const auto rows = static_cast<std::size_t>(max_rows);
  const auto segments = static_cast<std::size_t>(std::min(max_rows, n_slots));
  tokens_.reserve(rows);
  positions_.reserve(rows);
  wanted_.reserve(rows);
  segments_.reserve(segments);
  wanted_blocks_.reserve(segments);
  query_blocks_.reserve(segments + rows / kFewestBlockRows + 1);
}

void Batch::begin(const ib_forward_params& params, const std::int32_t* lengths) {
  params_ = &params;
  lengths_ = lengths;
  sequence_ = 0;
  taken_ = 0;
  rows_before_ = 0;
  outputs_before_ = 0;
  tokens_.clear();
  wanted_.clear();
  call_rows_ = 0;
  for (std::int32_t i = 0; i < params.n_sequences; ++i) call_rows_ += params.sequences[i].n_tokens;
}

bool Batch::next() {
  rows_before_ += n_rows();
  outputs_before_ += static_cast<std::int64_t>(wanted_.size());
  first_output_ = outputs_before_;
  tokens_.clear();
  positions_.clear();
  segments_.clear();
  query_blocks_.clear();
  wanted_.clear();
  wanted_blocks_.clear();
  while (sequence_ < params_->n_sequences && n_rows() < max_rows_) {
    const ib_sequence& sequence = params_->sequences[sequence_];
    const std::int32_t rows = std::min(sequence.n_tokens - taken_, max_rows_ - n_rows());
    add_segment(sequence, rows);
    taken_ += rows;
    if (taken_ < sequence.n_tokens) break;
    const bool only_last = params_->output == IB_OUTPUT_LAST_LOGITS || params_->output == IB_OUTPUT_GREEDY;
    if (only_last) {
      wanted_.push_back(n_rows() - 1);
      wanted_blocks_.push_back({static_cast<std::int32_t>(segments_.size()) - 1, rows - 1, 1});
    }
    ++sequence_;
    taken_ = 0;
  }
  if (params_->output == IB_OUTPUT_ALL_LOGITS) {
    for (std::int32_t row = 0; row < n_rows(); ++row) wanted_.push_back(row);
  }
  plan_attention();
  return n_rows() > 0;
}

void Batch::add_segment(const ib_sequence& sequence, std::int32_t n_rows_taken) {
  const std::int32_t first_position = lengths_[sequence.slot] + taken_;
  segments_.push_back({sequence.slot, n_rows(), n_rows_taken, first_position});
  for (std::int32_t i = 0; i < n_rows_taken; ++i) {
    tokens_.push_back(sequence.tokens[taken_ + i]);
    positions_.push_back(first_position + i);
  }
}

/// Of a query block. Large ones read keys and values less often; but there must be enough for all threads.
std::int32_t Batch::query_rows() const {
  const auto enough =
      static_cast<std::int32_t>(std::int64_t{n_rows()} * cut_.n_heads / (kItemsPerThread * cut_.n_threads));
  return std::min(cut_.most_rows, static_cast<std::int32_t>(round_up(std::max(enough, 1), kFewestBlockRows)));
}

void Batch::plan_attention() {
  const std::int32_t most = query_rows();
  appends_first_ = false;
  for (std::size_t s = 0; s < segments_.size(); ++s) {
    const std::int32_t rows = segments_[s].n_rows;
    appends_first_ |= rows > most;
    for (std::int32_t row = 0; row < rows; row += most) {
      query_blocks_.push_back({static_cast<std::int32_t>(s), row, std::min(most, rows - row)});
    }
  }
  const auto keys = [this](const QueryBlock& block) {
    return segments_[static_cast<std::size_t>(block.segment)].first_position + block.first_row + block.n_rows;
  };
  std::sort(query_blocks_.begin(), query_blocks_.end(),
            [&](const QueryBlock& a, const QueryBlock& b) { return keys(a) > keys(b); });
}

}  // namespace inferbench::cpu_quant
