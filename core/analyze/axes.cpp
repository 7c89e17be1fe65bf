// SPDX-License-Identifier: Apache-2.0
#include "analyze/axes.hpp"

#include <cstdint>

#include "experiment/axes.hpp"
#include "inferbench/decoder.hpp"
#include "model/model_config.hpp"
#include "support/error.hpp"

namespace inferbench {

const std::vector<std::string>& analysis_axes() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> axes{"contender", "model"};
    axes.insert(axes.end(), kAxesAsTold.begin(), kAxesAsTold.end());
    axes.emplace_back("node");
    axes.emplace_back("run");
    return axes;
  }();
  return kNames;
}

std::string axis_value(const MeasuredConfiguration& configuration, std::string_view axis) {
  const Point& point = configuration.point;
  if (axis == "contender") return configuration.contender;
  if (axis == "model") return point.model;
  if (axis == "node") return point.node;
  if (axis == "run") return std::to_string(configuration.run);
  for (const AxisRule& rule : kAxisRules) {
    if (axis == rule.name) return std::to_string(point.*rule.field);
  }
  throw Error("unknown axis '" + std::string(axis) + "'");
}

const std::vector<std::string>& numeric_axes() {
  static const std::vector<std::string> kNames{"model_size", "context", "batch", "threads"};
  return kNames;
}

double numeric_axis_value(const MeasuredConfiguration& configuration, std::string_view axis, std::string_view metric) {
  const Point& point = configuration.point;
  if (axis == "model_size") return static_cast<double>(configuration.n_parameters);
  if (axis == "context") {
    const bool prompt_only = metric == "ttft_ms" || metric == "prefill_tokens_per_s";
    return point.past_tokens + point.prompt_tokens + (prompt_only ? 0.0 : 0.5 * point.generate_tokens);
  }
  if (axis == "batch") return point.batch;
  if (axis == "threads") return point.threads;
  throw Error("unknown axis '" + std::string(axis) + "'");
}

std::string architecture_of(const MeasuredConfiguration& configuration) {
  if (!configuration.shape) return {};
  // Sizes of one family may differ in these.
  constexpr std::uint64_t kSizes = IB_FEATURE_GROUPED_HEADS | IB_FEATURE_FREE_HEAD_DIM;
  return std::to_string(decoder::required_features(model_desc(*configuration.shape)) & ~kSizes);
}

std::string_view sweep_axis_of(std::string_view numeric_axis) {
  if (numeric_axis == "model_size") return "model";
  if (numeric_axis == "context") return "prompt_tokens";
  return numeric_axis;
}

}  // namespace inferbench
