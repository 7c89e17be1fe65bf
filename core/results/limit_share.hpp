// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "measure/machine_limits.hpp"
#include "model/model_config.hpp"
#include "results/trial_record.hpp"
#include "support/precision.hpp"

namespace inferbench {

/// Floating-point operations of a prefill of `batch` sequences of `prompt_tokens`: the matrix products of all layers,
/// causal attention (each query with the keys up to its own), and the head for each sequence's last token. A
/// multiply-add counts as two.
double prefill_flops(const ModelConfig& config, std::int32_t prompt_tokens, std::int32_t batch,
                     std::int32_t past_tokens = 0);

/// Fills the record's shares from its load, its metrics and the limits for its threads: decode_bandwidth_share =
/// decode_weights_bytes / decode time per token / read bandwidth of a buffer of that size (the key-value cache is not
/// counted), and prefill_peak_share = prefill_flops / ttft / peak. Absent if an input is missing. A share above 1 means
/// that the weights stayed in a cache, or that the limits were measured on a disturbed machine. `precision`: what the
/// backend says of the record's precision, which decides the peak (see precision_of). `device`: what the contender
/// computes on, such as "cuda:0"; empty or "cpu": the CPUs.
void set_limit_shares(TrialRecord& record, const ModelConfig& config, const MachineLimits& limits,
                      const std::optional<PrecisionMeaning>& precision, std::string_view device = {});

}  // namespace inferbench
