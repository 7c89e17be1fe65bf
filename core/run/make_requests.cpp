// SPDX-License-Identifier: Apache-2.0
#include "run/make_requests.hpp"

#include <span>

#include "experiment/serving.hpp"
#include "run/endpoint_runner.hpp"

namespace inferbench {

std::unique_ptr<TrialRunner> make_runner(const SweepSetup& setup, const Contender& contender) {
  if (!contender.endpoint) return setup.make_runner();
  return std::make_unique<EndpointRunner>(*contender.endpoint, setup.experiment.prompts.file.has_value());
}

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

namespace {

// The random numbers of a scenario's arrivals and lengths must not be those of its prompts.
constexpr std::uint64_t kScenarioSeed = 0x7363656E6172696FU;  // "scenario"

std::int32_t ramp_up_of(const Serving& serving, const Scenario& scenario, std::size_t requests) {
  if (scenario.kind == ScenarioKind::kOffline) return 0;
  return static_cast<std::int32_t>(serving.ramp_up * static_cast<double>(requests));
}

RateGoal goal_of(const Serving& settings, const Scenario& scenario) {
  if (scenario.kind == ScenarioKind::kMaxRate) return scenario.goal;
  RateGoal goal;
  goal.objective = settings.objective;
  return goal;
}

void add_scenario(const Experiment& experiment, std::int32_t point_index, std::uint64_t stream,
                  const PromptSource& prompts, TrialRequest& request) {
  const Point& point = experiment.points[static_cast<std::size_t>(point_index)];
  const Serving& settings = experiment.serving;
  const Scenario& scenario = *scenario_of(settings, point);
  const auto trace = settings.traces.find(scenario.trace);
  const std::span<const TraceRow> rows =
      trace == settings.traces.end() ? std::span<const TraceRow>{} : std::span<const TraceRow>(trace->second);
  const auto planned = plan_requests(scenario, mix_of(settings, point), rows, stream ^ kScenarioSeed);
  ServingRequest& serving = request.serving.emplace();
  serving.kind = scenario.kind;
  serving.concurrency = scenario.concurrency;
  serving.delivery = scenario.delivery;
  serving.token_budget = settings.token_budget;
  serving.policy = settings.policy;
  serving.duration_s = settings.duration_s;
  serving.ramp_up = ramp_up_of(settings, scenario, planned.size());
  serving.goal = goal_of(settings, scenario);
  for (std::size_t i = 0; i < planned.size(); ++i) {
    const PlannedRequest& one = planned[i];
    const auto prompt = prompts.prompt_of_request(point_index, stream + i, one.prompt_tokens, one.blocks);
    request.prompts.insert(request.prompts.end(), prompt.begin(), prompt.end());
    serving.arrivals_ns.push_back(one.arrival_ns);
    serving.lengths.push_back(one.prompt_tokens);
    serving.outputs.push_back(one.output_tokens);
  }
}

}  // namespace

TrialRequest make_trial_request(const Experiment& experiment, std::int32_t point_index, std::uint64_t stream,
                                const PromptSource& prompts) {
  const Point& point = experiment.points[static_cast<std::size_t>(point_index)];
  TrialRequest request;
  request.batch = point.batch;
  request.prompt_tokens = point.prompt_tokens;
  request.generate_tokens = point.generate_tokens;
  request.past_tokens = point.past_tokens;
  request.timeout_s = experiment.limits.timeout_s;
  if (point.scenario.empty()) {
    request.prompts = prompts.prompts_for(point_index, stream);
  } else {
    add_scenario(experiment, point_index, stream, prompts, request);
  }
  return request;
}

}  // namespace inferbench
