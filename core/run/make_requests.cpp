// SPDX-License-Identifier: Apache-2.0
#include "run/make_requests.hpp"

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
  request.device = contender.device;
  request.threads = point.threads;
  request.cache = experiment.load.cache;
  request.timeout_s = experiment.limits.timeout_s;
  request.memory_bytes = experiment.limits.memory_bytes;
  return request;
}

LoadOutcome load_checked(const SweepSetup& setup, TrialRunner& runner, const LoadRequest& request) {
  if (setup.check_files) setup.check_files();
  LoadOutcome outcome = runner.load(request);
  if (setup.check_files) setup.check_files();  // a file may have been replaced between the first check and the load
  return outcome;
}

TrialRequest make_trial_request(const Experiment& experiment, std::int32_t point_index, std::uint64_t stream,
                                const PromptSource& prompts) {
  const Point& point = experiment.points[static_cast<std::size_t>(point_index)];
  TrialRequest request;
  request.batch = point.batch;
  request.prompt_tokens = point.prompt_tokens;
  request.generate_tokens = point.generate_tokens;
  request.past_tokens = point.past_tokens;
  request.prompts = prompts.prompts_for(point_index, stream);
  request.timeout_s = experiment.limits.timeout_s;
  return request;
}

}  // namespace inferbench
