// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "results/run_folder.hpp"
#include "results/trial_index.hpp"

namespace inferbench {

/// One JSON object per line with the field names of llama.cpp's `llama-bench -o jsonl`, so that scripts for it can read
/// a run. Each point and contender has a row for the prefill (n_prompt tokens, n_gen 0) and a row for the decode
/// (n_prompt 0, n_gen the timed tokens, n_depth the prompt before them). `backends` is the contender's name. Settings
/// that exist only in llama.cpp have neutral values. `batch` and `precision` are additional fields. avg_ts counts the
/// tokens of all sequences of the batch. Contenders without a good trial have no row.
std::string llama_bench_jsonl(const RunData& run);

}  // namespace inferbench
