// SPDX-License-Identifier: Apache-2.0
#include "predict/tree_features.hpp"

#include <algorithm>
#include <cmath>

#include "predict/machine_rates.hpp"
#include "predict/physical_terms.hpp"

namespace inferbench {

std::vector<std::string> tree_feature_names(const std::vector<std::string>& contenders) {
  std::vector<std::string> names;
  for (const std::string& contender : contenders) names.push_back("is " + contender);
  for (const char* name :
       {"weights", "layers", "width", "prompt", "context", "batch", "threads", "bandwidth", "peak"}) {
    names.emplace_back(name);
  }
  return names;
}

std::vector<double> tree_features(const std::vector<std::string>& contenders, const Setting& setting,
                                  const Workload& workload) {
  std::vector<double> row;
  for (const std::string& contender : contenders) row.push_back(contender == setting.contender ? 1 : 0);
  const ModelConfig& shape = workload.shape;
  const WorkLimits rates = machine_rates(setting, workload.threads, decode_weights(shape) * setting.bytes_per_weight);
  const double machine = setting.knows_limits() ? 1 : 0;
  for (const double value : {model_weights(shape), static_cast<double>(shape.n_layers),
                             static_cast<double>(shape.hidden_size), static_cast<double>(workload.prompt_tokens),
                             workload.past_tokens + workload.prompt_tokens + 0.5 * workload.generate_tokens,
                             static_cast<double>(workload.batch), static_cast<double>(workload.threads)}) {
    row.push_back(std::log(value));
  }
  row.push_back(machine * std::log(rates.bytes));
  row.push_back(machine * std::log(rates.products));
  return row;
}

std::vector<Monotone> tree_monotony(const std::vector<std::string>& contenders) {
  const std::vector<std::string> growing{"weights", "prompt", "context", "batch"};
  std::vector<Monotone> monotony;
  for (const std::string& name : tree_feature_names(contenders)) {
    const bool grows = std::find(growing.begin(), growing.end(), name) != growing.end();
    monotony.push_back(grows ? Monotone::kIncreasing : Monotone::kFree);
  }
  return monotony;
}

}  // namespace inferbench
