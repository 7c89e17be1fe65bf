// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analyze/configurations.hpp"

namespace inferbench {

/// The axes that may explain a metric, in the order of a report: contender, model, prompt_tokens, generate_tokens,
/// batch, threads, past_tokens, shared_prefix_tokens, run.
const std::vector<std::string>& analysis_axes();

/// Where a configuration stands on an axis, as text: equal texts, equal places. Throws Error for an unknown axis.
std::string axis_value(const MeasuredConfiguration& configuration, std::string_view axis);

/// The axes along which a metric may scale: model_size (parameters), context (positions in the cache, see
/// numeric_axis_value), batch, threads.
const std::vector<std::string>& numeric_axes();

/// The place on a numeric axis, for one metric: the context of ttft_ms and prefill_tokens_per_s is past and prompt; of
/// other metrics, these and half of what is generated, which is what a decode step attends to on average. 0 where
/// unknown.
double numeric_axis_value(const MeasuredConfiguration& configuration, std::string_view axis, std::string_view metric);

/// The sweep axis that makes a numeric axis move: model for model_size, prompt_tokens for context, itself otherwise.
std::string_view sweep_axis_of(std::string_view numeric_axis);

}  // namespace inferbench
