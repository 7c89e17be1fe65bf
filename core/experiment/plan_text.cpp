// SPDX-License-Identifier: Apache-2.0
#include "experiment/plan_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>
#include <string_view>

#include "experiment/planned_pairs.hpp"
#include "experiment/serving.hpp"
#include "measure/cpu_choice.hpp"
#include "support/counted.hpp"
#include "support/precision.hpp"

namespace inferbench {
namespace {

// Assumptions about an ordinary CPU; printed with the estimate.
constexpr double kFlopsPerThread = 50e9;          // fp32 matrix product; a multiply-add counts as two
constexpr double kBytesPerSecondPerThread = 8e9;  // weights streamed from memory
constexpr double kMaxBytesPerSecond = 40e9;
constexpr double kFlopsOfDevice = 50e12;  // a GPU
constexpr double kBytesPerSecondOfDevice = 1e12;
constexpr double kLoadBytesPerSecond = 0.5e9;  // fp32 weights read or generated, converted and packed
constexpr double kSecondsPerWorker = 0.05;

// Two runs to seven; those at rates that fail end early, the others last longer than their work.
constexpr double kRunsOfSearch = 6;

constexpr std::size_t kListed = 40;
constexpr int kScenarioWidth = 18;

// A precision whose name has no bits is taken for fp32, the slowest. Integers have a 16-bit scale for 32 weights.
double bytes_per_weight(std::string_view precision) {
  const PrecisionMeaning meaning = precision_meaning(precision).value_or(PrecisionMeaning{32, false});
  return meaning.bits / 8.0 + (meaning.integer ? 2.0 / 32 : 0);
}

const ModelFacts& facts_of(const Experiment& experiment, const std::string& model) {
  const auto found = std::find_if(experiment.model_facts.begin(), experiment.model_facts.end(),
                                  [&](const ModelFacts& facts) { return facts.reference == model; });
  static const ModelFacts kUnknown{};
  return found == experiment.model_facts.end() ? kUnknown : *found;
}

double trial_seconds(const Point& point, double parameters, const Contender& contender) {
  const bool device = on_device(contender);
  const double flops = device ? kFlopsOfDevice : kFlopsPerThread * point.threads;
  const double bandwidth =
      device ? kBytesPerSecondOfDevice : std::min(kBytesPerSecondPerThread * point.threads, kMaxBytesPerSecond);
  const double prefill = 2 * parameters * (point.past_tokens + point.prompt_tokens) * point.batch / flops;
  const double step =
      std::max(parameters * bytes_per_weight(contender.precision) / bandwidth, 2 * parameters * point.batch / flops);
  return prefill + step * (point.generate_tokens - 1);
}

// The work of all requests on full slots, or the time over which they arrive if that is longer.
double scenario_seconds(const Experiment& experiment, const Point& point, double parameters,
                        const Contender& contender) {
  const Serving& serving = experiment.serving;
  const Scenario& scenario = *scenario_of(serving, point);
  const auto trace = serving.traces.find(scenario.trace);
  const auto requests = plan_requests(scenario, mix_of(serving, point),
                                      trace == serving.traces.end() ? std::span<const TraceRow>{} : trace->second,
                                      experiment.prompts.seed);
  Point slots = point;
  slots.generate_tokens = 2;
  if (scenario.concurrency > 0) slots.batch = std::min(slots.batch, scenario.concurrency);
  Point prompts = slots;
  prompts.prompt_tokens = 1;
  // One token of every slot, and one step of all slots, without anything else.
  const double token = trial_seconds(prompts, parameters, contender);
  prompts.generate_tokens = 1;
  const double prompt_token = trial_seconds(prompts, parameters, contender) / slots.batch;
  const double step = token - prompt_token * slots.batch;
  double work = 0;
  for (const PlannedRequest& request : requests) {
    work += prompt_token * request.prompt_tokens + step * request.output_tokens / slots.batch;
  }
  if (scenario.kind == ScenarioKind::kMaxRate) return work * kRunsOfSearch;
  return std::max(work, static_cast<double>(requests.back().arrival_ns) * 1e-9);
}

std::string duration(double seconds) {
  if (seconds < 1) return "under a second";
  if (seconds < 100) return fmt::format("{:.0f} s", seconds);
  if (seconds < 100 * 60) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string parameters_text(std::uint64_t n) {
  const auto millions = static_cast<double>(n) / 1e6;
  return millions < 10 ? fmt::format("{:.1f}M", millions) : fmt::format("{:.0f}M", millions);
}

std::string models_text(const Experiment& experiment) {
  std::string text = fmt::format("\n{}\n", counted(experiment.models.size(), "model"));
  for (const ModelFacts& facts : experiment.model_facts) {
    text += fmt::format("  {}  {} parameters, context {}\n", facts.reference, parameters_text(facts.n_parameters),
                        facts.config.max_positions);
  }
  return text;
}

std::string contenders_text(const Experiment& experiment) {
  std::string text = fmt::format("\n{}\n", counted(experiment.contenders.size(), "contender"));
  for (const Contender& contender : experiment.contenders) {
    if (contender.endpoint) {
      text += fmt::format("  {}  the server at {}, model {}", contender.name, contender.endpoint->url,
                          contender.endpoint->model);
    } else {
      text += fmt::format("  {}  {} in {}", contender.name, contender.plugin, contender.precision);
    }
    if (!contender.device.empty()) text += fmt::format(" on {}", contender.device);
    for (const auto& [key, value] : contender.options) text += fmt::format(", {} {}", key, value);
    text += contender.name == experiment.baseline ? "  (baseline)\n" : "\n";
  }
  for (const std::string& line : experiment.left_out) text += fmt::format("  left out  {}\n", line);
  return text;
}

// past_tokens and shared_prefix_tokens get a column only if a point uses them.
std::string points_text(const Experiment& experiment) {
  const auto used = [&](std::int32_t Point::*field) {
    return std::any_of(experiment.points.begin(), experiment.points.end(),
                       [&](const Point& point) { return point.*field != 0; });
  };
  const bool past = used(&Point::past_tokens);
  const bool prefix = used(&Point::shared_prefix_tokens);
  const bool scenarios = !experiment.serving.scenarios.empty();
  std::string text = fmt::format("\n{}\n", counted(experiment.points.size(), "point"));
  text += fmt::format("  {:>6} {:>8} {:>6} {:>8}{}{}{}  {}\n", "prompt", "generate", "batch", "threads",
                      past ? "     past" : "", prefix ? " shared prefix" : "",
                      scenarios ? fmt::format("  {:<{}}", "scenario", kScenarioWidth) : "", "model");
  for (std::size_t i = 0; i < std::min(kListed, experiment.points.size()); ++i) {
    const Point& point = experiment.points[i];
    text += fmt::format("  {:>6} {:>8} {:>6} {:>8}", point.prompt_tokens, point.generate_tokens, point.batch,
                        point.threads);
    if (past) text += fmt::format(" {:>8}", point.past_tokens);
    if (prefix) text += fmt::format(" {:>13}", point.shared_prefix_tokens);
    if (scenarios) {
      text += fmt::format("  {:<{}}", point.scenario.empty() ? kBatchScenario : point.scenario, kScenarioWidth);
    }
    text += fmt::format("  {}\n", facts_of(experiment, point.model).name);
  }
  if (experiment.points.size() > kListed)
    text += fmt::format("  ... and {} more\n", experiment.points.size() - kListed);
  return text;
}

}  // namespace

Experiment shard_of(Experiment experiment, const Shard& shard) {
  std::vector<Point> points;
  for (std::size_t i = 0; i < experiment.points.size(); ++i) {
    if (shard.has(static_cast<std::int32_t>(i))) points.push_back(experiment.points[i]);
  }
  experiment.points = std::move(points);
  return experiment;
}

namespace {

double seconds_of_plan(const Experiment& experiment, const PlannedPairs& pairs) {
  const MeasureSettings& measure = experiment.measure;
  const double planned = static_cast<double>(measure.warmup) + measure.blocks;
  // A new process of a later block runs one extra warm-up trial; the first process already had the planned warm-ups.
  const double trials = planned + (measure.fresh_processes && measure.warmup > 0 ? measure.blocks - 1 : 0);
  double seconds = 0;
  std::set<std::pair<std::string, std::int32_t>> loaded;
  for (const Point& point : experiment.points) {
    const auto parameters = static_cast<double>(facts_of(experiment, point.model).n_parameters);
    const bool is_new = loaded.emplace(point.model, point.threads).second;
    const double loads = measure.fresh_processes ? measure.blocks : (is_new ? 1 : 0);
    for (std::size_t c = 0; c < experiment.contenders.size(); ++c) {
      if (!pairs.has(c, point)) continue;
      if (!experiment.contenders[c].endpoint) {
        seconds += loads * (kSecondsPerWorker + parameters * 4 / kLoadBytesPerSecond);
      }
      const double trial = point.scenario.empty()
                               ? trial_seconds(point, parameters, experiment.contenders[c])
                               : scenario_seconds(experiment, point, parameters, experiment.contenders[c]);
      seconds += trials * trial + planned * measure.cooldown_s;
    }
  }
  return seconds;
}

}  // namespace

double estimate_seconds(const Experiment& experiment) {
  return seconds_of_plan(experiment, PlannedPairs(experiment));
}

std::string plan_text(const Experiment& whole, const Shard& shard) {
  const PlannedPairs planned(whole);
  const Experiment experiment = shard_of(whole, shard);
  std::size_t pairs = 0;
  for (const Point& point : experiment.points) pairs += planned.at(point);
  const bool any_endpoint = std::any_of(experiment.contenders.begin(), experiment.contenders.end(),
                                        [](const Contender& contender) { return contender.endpoint.has_value(); });
  const bool all = pairs == experiment.points.size() * experiment.contenders.size();
  const auto blocks = static_cast<std::size_t>(experiment.measure.blocks);
  const auto warmup = static_cast<std::size_t>(experiment.measure.warmup);
  std::string text = fmt::format("experiment {}\n", experiment.name);
  text += models_text(experiment) + contenders_text(experiment) + points_text(experiment);
  const std::string where = all ? fmt::format("{} x {}", counted(experiment.points.size(), "point"),
                                              counted(experiment.contenders.size(), "contender"))
                                : fmt::format("{} of point and contender ({})", counted(pairs, "pair"),
                                              any_endpoint ? "threads and batches are no axes of a server"
                                                           : "threads are no axis of a device");
  text += fmt::format("\n{}: {} x {}, {} of them warm-up\n", counted(pairs * (blocks + warmup), "trial"), where,
                      counted(blocks + warmup, "repetition"), pairs * warmup);
  if (!experiment.measure.cpus.empty()) text += fmt::format("on the CPUs {}\n", cpu_list_text(experiment.measure.cpus));
  if (experiment.measure.until) {
    text +=
        fmt::format("measure.until may add blocks: up to {} at each point, or {} min\n",
                    most_blocks(experiment.measure) - experiment.measure.blocks, experiment.measure.until->max_minutes);
  }
  text += fmt::format(
      "estimated time: {} (a guess from {:.0f} GFLOP/s and {:.0f} GB/s per thread; nothing was measured)\n",
      duration(seconds_of_plan(experiment, planned)), kFlopsPerThread / 1e9, kBytesPerSecondPerThread / 1e9);
  return text;
}

}  // namespace inferbench
