// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "model_data.hpp"
#include "step_plan.hpp"

namespace inferbench::cuda_backend {

/// One sequence's token of a step.
struct StepRow {
  std::int32_t token;
  std::int32_t position;
  std::int32_t slot;
  std::int32_t wants_logits;
};

/// Work space of steps. Rows are those of the step. Padding behind the used part of a row stays zero.
struct StepWork {
  float* x[2];               ///< [kStepRows][hidden_stride]: the residual stream; the second one is for post norms
  float* delta;              ///< [kStepRows][hidden_stride]: what is added after a post norm
  float* qkv;                ///< [kStepRows][qkv_stride]
  float* part_values;        ///< [row][head][split][head_stride]: attention by parts of the positions
  float2* part_stats;        ///< [row][head][split]: greatest score, sum
  void* mlp;                 ///< [kStepRows][mlp_stride], 16 bits
  float* logits;             ///< [kStepRows][vocab]
  unsigned long long* best;  ///< [kStepRows]: argmax keys, 0 between steps
  unsigned* barrier;         ///< arrivals, ever
  unsigned* finished;        ///< blocks that have finished the head, 0 between steps
  std::int32_t* ids;         ///< [kStepRows], in the host's memory: greedy ids of all rows
};

struct StepArguments {
  ModelData model;
  KvCache cache;
  StepWork work;
  StepPlan plan;
  std::int32_t n_rows;
  std::int32_t n_splits;
  std::int32_t wants_head;     ///< 0: no row wants an output
  std::uint32_t barrier_base;  ///< arrivals before this step
  StepRow rows[kStepRows];
};

/// Grid barriers that a step passes; each counts one arrival per block.
constexpr std::uint32_t barriers_per_step(std::int32_t n_layers) {
  return 5U * static_cast<std::uint32_t>(n_layers);
}

/// Prepares the kernel of this model for launches. Throws Failure.
void prepare_step(const ModelData& model, const StepPlan& plan);
/// Throws Failure.
void launch_step(const StepArguments& arguments, std::int32_t n_blocks, cudaStream_t stream);

}  // namespace inferbench::cuda_backend
