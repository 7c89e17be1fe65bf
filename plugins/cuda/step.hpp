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

/// Work space of steps. Rows are those of the step.
struct StepWork {
  std::uint32_t* exchange[2];  ///< see step_exchange.cuh; all words absent at first
  float* logits;               ///< [kStepRows][vocab]
  unsigned long long* best;    ///< [kStepRows]: argmax keys, 0 between steps
  unsigned* finished;          ///< blocks that have finished the head, 0 between steps
  std::int32_t* ids;           ///< [kStepRows], in the host's memory: greedy ids of all rows
};

struct StepArguments {
  ModelData model;
  KvCache cache;
  StepWork work;
  StepPlan plan;
  ExchangePlan exchange;
  std::int64_t words_to_clear;  ///< of the other set: what the step before has written
  std::int32_t set;             ///< of work.exchange, that this step uses
  std::int32_t n_rows;
  std::int32_t n_splits;
  std::int32_t wants_head;  ///< 0: no row wants an output
  StepRow rows[kStepRows];
};

/// Prepares the kernel of this model, cache and plan for launches. Throws Failure.
void prepare_step(const ModelData& model, const KvCache& cache, const StepPlan& plan);
/// Throws Failure.
void launch_step(const StepArguments& arguments, std::int32_t n_blocks, cudaStream_t stream);

}  // namespace inferbench::cuda_backend
