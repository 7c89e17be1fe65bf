// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "results/run_folder.hpp"
#include "results/trial_index.hpp"

namespace inferbench {

/// One JSON object a line with the field names of llama.cpp's `llama-bench -o jsonl`, so that scripts made for it read
/// a run: for each point and contender a row of the prefill (n_prompt tokens, n_gen 0) and one of the decode (n_prompt
/// 0, n_gen the timed tokens, n_depth the prompt before them). `backends` is the contender's name; settings that only
/// llama.cpp has stand at neutral values; `batch` and `precision` follow as fields of our own. avg_ts counts the
/// tokens of all sequences of the batch. Contenders without a good trial have no row.
std::string llama_bench_jsonl(const RunData& run);

}  // namespace inferbench
