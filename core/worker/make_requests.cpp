// SPDX-License-Identifier: Apache-2.0
#include "worker/make_requests.hpp"

namespace inferbench {

LoadRequest make_load_request(const Experiment& experiment, const Contender& contender, const PluginIdentity& plugin,
                              const Point& point) {
  LoadRequest request;
  request.contender = contender.name;
  request.plugin = plugin.path;
  request.model = point.model;
  request.model_base = experiment.file.parent_path().string();
  request.precision = contender.precision;
  request.options = contender.options;
  request.threads = point.threads;
  request.cache = experiment.load.cache;
  request.timeout_s = experiment.limits.timeout_s;
  request.memory_bytes = experiment.limits.memory_bytes;
  return request;
}

TrialRequest make_trial_request(const Experiment& experiment, const PlannedTrial& trial, const PromptSource& prompts) {
  const Point& point = experiment.points[static_cast<std::size_t>(trial.point)];
  TrialRequest request;
  request.batch = point.batch;
  request.prompt_tokens = point.prompt_tokens;
  request.generate_tokens = point.generate_tokens;
  request.past_tokens = point.past_tokens;
  request.prompts = prompts.prompts_for(trial);
  request.timeout_s = experiment.limits.timeout_s;
  return request;
}

}  // namespace inferbench
