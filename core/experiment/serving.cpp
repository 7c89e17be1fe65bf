// SPDX-License-Identifier: Apache-2.0
#include "experiment/serving.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "experiment/bounds.hpp"
#include "experiment/section.hpp"
#include "experiment/serving_lengths.hpp"
#include "experiment/yaml_value.hpp"
#include "support/counted.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr const char* kScenarioPath = "sweep.scenario";

using ArrivalName = std::pair<std::string_view, ArrivalProcess>;
constexpr std::array<ArrivalName, 2> kArrivalNames{
    {{"poisson", ArrivalProcess::kPoisson}, {"constant", ArrivalProcess::kConstant}}};
using PolicyName = std::pair<std::string_view, SchedulePolicy>;
constexpr std::array<PolicyName, 2> kPolicyChoices{
    {{"chunked", SchedulePolicy::kChunked}, {"prefill_first", SchedulePolicy::kPrefillFirst}}};

void add_scenario(std::vector<ScenarioValue>& values, std::optional<Scenario> scenario, const Position& at) {
  const auto text = [](const std::optional<Scenario>& one) { return one ? to_string(*one) : kBatchScenario; };
  for (const ScenarioValue& value : values) {
    if (text(value.scenario) != text(scenario)) continue;
    fail(at, fmt::format("{}: '{}' occurs twice on the axis, expected distinct values", kScenarioPath, text(scenario)),
         "remove one of the two");
  }
  if (values.size() == static_cast<std::size_t>(kMaxPoints)) {
    fail(at, fmt::format("{}: more than {}, expected fewer", kScenarioPath, counted(kMaxPoints, "value")),
         "shorten the list");
  }
  values.push_back({std::move(scenario), at});
}

Objective read_objective(const YamlNode* node, const char* path) {
  Objective objective;
  if (node == nullptr) return objective;
  const Section section(*node, experiment_keys(), path);
  section.number("ttft_ms", objective.ttft_ms);
  section.number("tpot_ms", objective.tpot_ms);
  return objective;
}

void add_closed(const YamlNode& node, std::vector<ScenarioValue>& values) {
  const Section section(node, experiment_keys(), "sweep.scenario.closed");
  for (const YamlNode* item : read_items(section_value(section, "concurrency"), section.key("concurrency").path)) {
    Scenario scenario;
    scenario.kind = ScenarioKind::kClosed;
    scenario.concurrency = static_cast<std::int32_t>(read_integer(*item, section.key("concurrency")));
    add_scenario(values, scenario, item->at);
  }
}

void add_open(const YamlNode& node, std::vector<ScenarioValue>& values) {
  const Section section(node, experiment_keys(), "sweep.scenario.open");
  Scenario scenario;
  scenario.kind = ScenarioKind::kOpen;
  section.choice("arrivals", scenario.arrivals, kArrivalNames);
  for (const YamlNode* item : read_items(section_value(section, "rate"), section.key("rate").path)) {
    scenario.rate = read_number(*item, section.key("rate"));
    add_scenario(values, scenario, item->at);
  }
}

void add_search(const YamlNode& node, std::vector<ScenarioValue>& values) {
  const Section find(node, experiment_keys(), "sweep.scenario.find");
  const Section section(section_value(find, "max_rate"), experiment_keys(), "sweep.scenario.find.max_rate");
  Scenario scenario;
  scenario.kind = ScenarioKind::kMaxRate;
  scenario.rate = 1;
  section.choice("arrivals", scenario.arrivals, kArrivalNames);
  section.number("percentile", scenario.goal.percentile);
  section.share("within", scenario.goal.within);
  const YamlNode& objective = section_value(section, "objective");
  scenario.goal.objective = read_objective(&objective, "sweep.scenario.find.max_rate.objective");
  if (!scenario.goal.objective.any()) {
    fail(objective.at, "sweep.scenario.find.max_rate.objective: found no bound, expected what requests must get",
         "add ttft_ms or tpot_ms");
  }
  add_scenario(values, scenario, node.at);
}

void add_item(const YamlNode& node, std::vector<ScenarioValue>& values) {
  if (node.kind == YamlNode::Kind::kScalar) {
    if (node.text == kBatchScenario) return add_scenario(values, std::nullopt, node.at);
    if (node.text == to_string(Scenario{})) return add_scenario(values, Scenario{}, node.at);
    fail_type(node, kScenarioPath, "batch, offline, or a map with closed, open, trace or find");
  }
  const Section section(node, experiment_keys(), kScenarioPath);
  if (const YamlNode* closed = section.find("closed")) add_closed(*closed, values);
  if (const YamlNode* open = section.find("open")) add_open(*open, values);
  if (const YamlNode* find = section.find("find")) add_search(*find, values);
  const YamlNode* traces = section.find("trace");
  if (traces == nullptr) return;
  for (const YamlNode* item : read_items(*traces, section.key("trace").path)) {
    Scenario scenario;
    scenario.kind = ScenarioKind::kTrace;
    scenario.trace = read_path(*item, section.key("trace").path).string();
    add_scenario(values, scenario, item->at);
  }
}

void read_delivery(const Section& serving, std::vector<Delivery>& deliveries) {
  const YamlNode* node = serving.find("delivery");
  if (node == nullptr) return;
  const Key& key = serving.key("delivery");
  deliveries.clear();
  for (const YamlNode* item : read_items(*node, key.path)) {
    const Delivery delivery = *delivery_from(read_choice(*item, key));
    if (std::find(deliveries.begin(), deliveries.end(), delivery) != deliveries.end()) {
      fail(item->at, fmt::format("{}: '{}' occurs twice, expected distinct values", key.path, to_string(delivery)),
           "remove one of the two");
    }
    deliveries.push_back(delivery);
  }
}

void read_judgement(const Section& serving, Serving& settings) {
  if (const YamlNode* node = serving.find("at")) {
    const Section at(*node, experiment_keys(), "serving.at");
    settings.per_user_tokens_per_s =
        read_number(section_value(at, "tokens_per_s_per_user"), at.key("tokens_per_s_per_user"));
  }
  if (const YamlNode* node = serving.find("cost")) {
    const Section cost(*node, experiment_keys(), "serving.cost");
    settings.cost_per_hour = read_number(section_value(cost, "per_hour"), cost.key("per_hour"));
    settings.currency = read_text(section_value(cost, "currency"), cost.key("currency").path);
  }
}

// The longest requests of the part of the trace that runs.
std::pair<std::int32_t, std::int32_t> longest_of(const Scenario& scenario, const Serving& serving) {
  std::pair<std::int32_t, std::int32_t> longest{1, 1};
  RequestMix mix;
  mix.requests = serving.requests;
  mix.duration_s = serving.duration_s;
  for (const PlannedRequest& request : plan_requests(scenario, mix, serving.traces.at(scenario.trace), 0)) {
    longest.first = std::max(longest.first, request.prompt_tokens);
    longest.second = std::max(longest.second, request.output_tokens);
  }
  return longest;
}

}  // namespace

std::vector<ScenarioValue> read_scenarios(const YamlNode* node, const Position& fallback) {
  std::vector<ScenarioValue> values;
  if (node != nullptr) {
    for (const YamlNode* item : read_items(*node, kScenarioPath)) add_item(*item, values);
  }
  if (values.empty()) values.push_back({std::nullopt, fallback});
  return values;
}

Serving read_serving(const YamlNode* node) {
  Serving serving;
  if (node == nullptr) return serving;
  const Section section(*node, experiment_keys(), "serving");
  section.integer("max_batch", serving.max_batch);
  section.integer("token_budget", serving.token_budget);
  section.choice("policy", serving.policy, kPolicyChoices);
  read_delivery(section, serving.delivery);
  section.integer("requests", serving.requests);
  section.number("duration_s", serving.duration_s);
  section.share("ramp_up", serving.ramp_up);
  read_all_lengths(section, serving);
  serving.objective = read_objective(section.find("objective"), "serving.objective");
  read_judgement(section, serving);
  if (serving.token_budget >= serving.max_batch) return serving;
  const YamlNode* budget = section.find("token_budget");
  fail(budget == nullptr ? node->at : budget->at,
       fmt::format("serving.token_budget: {} is less than the {} that decode at once, expected at least {}",
                   serving.token_budget, counted(serving.max_batch, "request"), serving.max_batch),
       "raise it, or lower serving.max_batch");
}

void add_deliveries(const Serving& serving, std::vector<ScenarioValue>& scenarios) {
  std::vector<ScenarioValue> all;
  for (const ScenarioValue& value : scenarios) {
    if (!value.scenario) {
      all.push_back(value);
      continue;
    }
    for (const Delivery delivery : serving.delivery) {
      all.push_back(value);
      all.back().scenario->delivery = delivery;
    }
  }
  scenarios = std::move(all);
}

void add_scenarios(const std::vector<ScenarioValue>& scenarios, const ExperimentLookups& lookups, Serving& serving) {
  for (const ScenarioValue& value : scenarios) {
    if (!value.scenario) continue;
    serving.scenarios.push_back(*value.scenario);
    if (value.scenario->kind != ScenarioKind::kTrace) continue;
    try {
      serving.traces.emplace(value.scenario->trace, lookups.trace(value.scenario->trace));
    } catch (const Error& error) {
      fail(value.at, fmt::format("sweep.scenario.trace: {}", error.what()), error.cure());
    }
  }
}

void check_searches(const std::vector<ScenarioValue>& scenarios, const Serving& serving) {
  const auto counted_requests = serving.requests - static_cast<std::int32_t>(serving.ramp_up * serving.requests);
  for (const ScenarioValue& value : scenarios) {
    if (!value.scenario || value.scenario->kind != ScenarioKind::kMaxRate) continue;
    const double percentile = value.scenario->goal.percentile;
    // The small term: 99% need 100 requests, whatever the rounding.
    const auto needed = static_cast<std::int32_t>(std::ceil(100 / (100 - percentile) - 1e-9));
    if (counted_requests >= needed) continue;
    fail(
        value.at,
        fmt::format("sweep.scenario.find.max_rate: {}% of {} without the ramp-up are all of them, expected at least {}",
                    percentile, counted(counted_requests, "request"), counted(needed, "request")),
        "raise serving.requests, or lower the percentile");
  }
}

void check_tokenizers(const YamlNode* node, const Serving& serving, const std::vector<ModelFacts>& models,
                      const ExperimentLookups& lookups) {
  const bool text = std::any_of(serving.scenarios.begin(), serving.scenarios.end(),
                                [](const Scenario& one) { return one.delivery != Delivery::kNone; });
  if (!text) return;
  for (const ModelFacts& model : models) {
    try {
      lookups.check_tokenizer(model);
    } catch (const Error& error) {
      fail(optional_value(*node, "delivery")->at, fmt::format("serving.delivery: {}", error.what()), error.cure());
    }
  }
}

void check_durations(const std::vector<ScenarioValue>& scenarios, const Serving& serving, double timeout_s) {
  for (const ScenarioValue& value : scenarios) {
    if (!value.scenario || value.scenario->kind != ScenarioKind::kOpen) continue;
    double seconds = serving.requests / value.scenario->rate;
    if (serving.duration_s > 0) seconds = std::min(seconds, serving.duration_s);
    if (seconds <= timeout_s) continue;
    fail(value.at,
         fmt::format("sweep.scenario: the requests of '{}' arrive over {:.0f} s, expected at most limits.timeout_s, "
                     "which is {} s",
                     to_string(*value.scenario), seconds, timeout_s),
         "raise limits.timeout_s, or lower serving.requests or serving.duration_s");
  }
}

Point scenario_point(Point point, const Scenario& scenario, const Serving& serving) {
  point.scenario = to_string(scenario);
  point.batch = serving.max_batch;
  point.past_tokens = 0;
  if (scenario.kind == ScenarioKind::kTrace) {
    std::tie(point.prompt_tokens, point.generate_tokens) = longest_of(scenario, serving);
    return point;
  }
  if (serving.prompt_tokens) point.prompt_tokens = serving.prompt_tokens->high;
  if (serving.generate_tokens) point.generate_tokens = serving.generate_tokens->high;
  if (!serving.lengths_from.empty()) set_longest(serving.file_lengths.at(point.model), point);
  return point;
}

const Scenario* scenario_of(const Serving& serving, const Point& point) {
  if (point.scenario.empty()) return nullptr;
  for (const Scenario& scenario : serving.scenarios) {
    if (to_string(scenario) == point.scenario) return &scenario;
  }
  throw std::out_of_range("the experiment has no scenario " + point.scenario);
}

RequestMix mix_of(const Serving& serving, const Point& point) {
  RequestMix mix;
  mix.requests = serving.requests;
  mix.duration_s = serving.duration_s;
  mix.prompt = serving.prompt_tokens.value_or(LengthDistribution::fixed(point.prompt_tokens));
  mix.output = serving.generate_tokens.value_or(LengthDistribution::fixed(point.generate_tokens));
  if (!serving.lengths_from.empty()) mix.samples = serving.file_lengths.at(point.model);
  return mix;
}

}  // namespace inferbench
