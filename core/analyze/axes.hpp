// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "analyze/configurations.hpp"

namespace inferbench {

/// The axes that may explain a metric, in report order: contender, model, prompt_tokens, generate_tokens, batch,
/// threads, past_tokens, shared_prefix_tokens, node, run.
const std::vector<std::string>& analysis_axes();

/// A configuration's value on an axis, as text; equal texts mean equal values. Throws Error for an unknown axis.
std::string axis_value(const MeasuredConfiguration& configuration, std::string_view axis);

/// The axes along which a metric may scale: model_size (parameters), context (positions in the cache, see
/// numeric_axis_value), batch, threads.
const std::vector<std::string>& numeric_axes();

/// The value on a numeric axis, for one metric. The context of ttft_ms and prefill_tokens_per_s is past + prompt; for
/// other metrics half of the generated tokens is added, which gives the positions that a decode step attends to on
/// average. 0 if unknown.
double numeric_axis_value(const MeasuredConfiguration& configuration, std::string_view axis, std::string_view metric);

/// Equal for models of one architecture, whose sizes can be compared: the kinds of norm, positions, MLP, activation and
/// of everything else that one family has and another has not. Empty if run.json does not have the model's shape.
std::string architecture_of(const MeasuredConfiguration& configuration);

/// The sweep axis behind a numeric axis: model for model_size, prompt_tokens for context, otherwise the axis itself.
std::string_view sweep_axis_of(std::string_view numeric_axis);

}  // namespace inferbench
