// SPDX-License-Identifier: Apache-2.0
#include "experiment/resolved.hpp"

#include <fmt/format.h>
#include <yaml-cpp/emitter.h>
#include <yaml-cpp/emittermanip.h>

#include <algorithm>

#include "experiment/endpoint_entry.hpp"
#include "experiment/serving.hpp"
#include "experiment/settings.hpp"
#include "experiment/targets.hpp"
#include "measure/cpu_choice.hpp"

namespace inferbench {
namespace {

// Numbers and fixed words are written without quotes; numbers in fmt's shortest form that reads back exactly. Text is
// written in double quotes, so that "null" stays text.
template <typename T>
void number(YAML::Emitter& out, const char* key, T value) {
  out << YAML::Key << key << YAML::Value << fmt::format("{}", value);
}

void text(YAML::Emitter& out, const std::string& key, const std::string& value) {
  out << YAML::Key << key << YAML::Value << YAML::DoubleQuoted << value;
}

void server_keys(YAML::Emitter& out, const ServerAddress& server) {
  text(out, "endpoint", server.url);
  text(out, "model", server.model);
  if (!server.api_key_env.empty()) text(out, "api_key_env", server.api_key_env);
  if (server.chat) number(out, "chat", true);
  if (server.prompts != PromptForm::kAuto) number(out, "prompts", to_string(server.prompts));
  if (server.timeout_s > 0) number(out, "timeout_s", server.timeout_s);
}

void backends(YAML::Emitter& out, const std::vector<Contender>& contenders) {
  out << YAML::Key << "backends" << YAML::Value << YAML::BeginSeq;
  for (const Contender& contender : contenders) {
    out << YAML::BeginMap;
    text(out, "name", contender.name);
    if (contender.endpoint) {
      server_keys(out, *contender.endpoint);
      out << YAML::EndMap;
      continue;
    }
    text(out, "plugin", contender.plugin);
    text(out, "precision", contender.precision);
    if (!contender.device.empty()) text(out, "device", contender.device);
    if (!contender.options.empty()) {
      out << YAML::Key << "options" << YAML::Value << YAML::BeginMap;
      for (const auto& [key, value] : contender.options) text(out, key, value);
      out << YAML::EndMap;
    }
    out << YAML::EndMap;
  }
  out << YAML::EndSeq;
}

void texts(YAML::Emitter& out, const std::string& key, const std::vector<std::string>& values) {
  out << YAML::Key << key << YAML::Value << YAML::BeginSeq;
  for (const std::string& value : values) out << YAML::DoubleQuoted << value;
  out << YAML::EndSeq;
}

void integers(YAML::Emitter& out, std::string_view key, const std::vector<std::int32_t>& values) {
  out << YAML::Key << std::string(key) << YAML::Value << YAML::Flow << YAML::BeginSeq;
  for (const std::int32_t value : values) out << value;
  out << YAML::EndSeq;
}

bool has_scenarios(const Sweep& sweep) {
  return std::any_of(sweep.scenarios.begin(), sweep.scenarios.end(),
                     [](const ScenarioValue& value) { return value.scenario.has_value(); });
}

const char* arrivals_word(const Scenario& scenario) {
  return scenario.arrivals == ArrivalProcess::kConstant ? "constant" : "poisson";
}

void objective(YAML::Emitter& out, const Objective& objective) {
  out << YAML::Key << "objective" << YAML::Value << YAML::BeginMap;
  if (objective.ttft_ms > 0) number(out, "ttft_ms", objective.ttft_ms);
  if (objective.tpot_ms > 0) number(out, "tpot_ms", objective.tpot_ms);
  out << YAML::EndMap;
}

void scenario(YAML::Emitter& out, const Scenario& scenario) {
  out << YAML::BeginMap;
  switch (scenario.kind) {
    case ScenarioKind::kClosed:
      out << YAML::Key << "closed" << YAML::Value << YAML::BeginMap;
      number(out, "concurrency", scenario.concurrency);
      out << YAML::EndMap;
      break;
    case ScenarioKind::kTrace:
      text(out, "trace", scenario.trace);
      break;
    case ScenarioKind::kMaxRate:
      out << YAML::Key << "find" << YAML::Value << YAML::BeginMap << YAML::Key << "max_rate" << YAML::Value
          << YAML::BeginMap;
      objective(out, scenario.goal.objective);
      number(out, "percentile", scenario.goal.percentile);
      number(out, "within", scenario.goal.within);
      number(out, "arrivals", arrivals_word(scenario));
      out << YAML::EndMap << YAML::EndMap;
      break;
    case ScenarioKind::kOpen:
    case ScenarioKind::kOffline:
      out << YAML::Key << "open" << YAML::Value << YAML::BeginMap;
      number(out, "rate", scenario.rate);
      number(out, "arrivals", arrivals_word(scenario));
      out << YAML::EndMap;
      break;
  }
  out << YAML::EndMap;
}

void scenario_axis(YAML::Emitter& out, const Sweep& sweep, const Serving& serving) {
  out << YAML::Key << "scenario" << YAML::Value << YAML::BeginSeq;
  for (const ScenarioValue& value : sweep.scenarios) {
    if (!value.scenario) {
      out << kBatchScenario;
    } else if (value.scenario->delivery != serving.delivery.front()) {
      continue;  // serving.delivery multiplies the axis
    } else if (value.scenario->kind == ScenarioKind::kOffline) {
      out << to_string(value.scenario->kind).data();
    } else {
      scenario(out, *value.scenario);
    }
  }
  out << YAML::EndSeq;
}

void lengths(YAML::Emitter& out, const char* key, const LengthDistribution& lengths) {
  out << YAML::Key << key << YAML::Value << YAML::BeginMap;
  number(out, "min", lengths.low);
  number(out, "max", lengths.high);
  if (lengths.kind == LengthDistribution::Kind::kLognormal) {
    number(out, "median", lengths.median);
    number(out, "sigma", lengths.sigma);
  }
  out << YAML::EndMap;
}

void serving_section(YAML::Emitter& out, const Serving& serving) {
  out << YAML::Key << "serving" << YAML::Value << YAML::BeginMap;
  number(out, "max_batch", serving.max_batch);
  number(out, "token_budget", serving.token_budget);
  number(out, "policy", to_string(serving.policy));
  if (serving.delivery != std::vector{Delivery::kNone}) {
    out << YAML::Key << "delivery" << YAML::Value << YAML::Flow << YAML::BeginSeq;
    for (const Delivery delivery : serving.delivery) out << to_string(delivery).data();
    out << YAML::EndSeq;
  }
  number(out, "requests", serving.requests);
  if (serving.duration_s > 0) number(out, "duration_s", serving.duration_s);
  number(out, "ramp_up", serving.ramp_up);
  if (serving.prompt_tokens) lengths(out, "prompt_tokens", *serving.prompt_tokens);
  if (serving.generate_tokens) lengths(out, "generate_tokens", *serving.generate_tokens);
  if (!serving.lengths_from.empty()) text(out, "lengths_from", serving.lengths_from);
  if (serving.objective.any()) objective(out, serving.objective);
  if (serving.per_user_tokens_per_s > 0) {
    out << YAML::Key << "at" << YAML::Value << YAML::BeginMap;
    number(out, "tokens_per_s_per_user", serving.per_user_tokens_per_s);
    out << YAML::EndMap;
  }
  if (serving.cost_per_hour > 0) {
    out << YAML::Key << "cost" << YAML::Value << YAML::BeginMap;
    number(out, "per_hour", serving.cost_per_hour);
    text(out, "currency", serving.currency);
    out << YAML::EndMap;
  }
  out << YAML::EndMap;
}

void sweep_section(YAML::Emitter& out, const Sweep& sweep, const Serving& serving) {
  out << YAML::Key << "sweep" << YAML::Value << YAML::BeginMap;
  for (std::size_t i = 0; i < kAxes; ++i) {
    std::vector<std::int32_t> values;
    for (const AxisValue& value : sweep.axes[i]) values.push_back(value.value);
    // Axes that were added in later versions are left out if unused, so that old runs can still be resumed.
    if (kAxisRules[i].min == 0 && values == std::vector<std::int32_t>{0}) continue;
    integers(out, kAxisRules[i].name, values);
  }
  if (has_scenarios(sweep)) scenario_axis(out, sweep, serving);
  if (!sweep.exclusions.empty()) {
    out << YAML::Key << "exclude" << YAML::Value << YAML::BeginSeq;
    for (const Exclusion& exclusion : sweep.exclusions) {
      out << YAML::BeginMap;
      if (!exclusion.models.empty()) texts(out, "model", exclusion.models);
      for (std::size_t i = 0; i < kAxes; ++i) {
        if (!exclusion.values[i].empty()) integers(out, kAxisRules[i].name, exclusion.values[i]);
      }
      out << YAML::EndMap;
    }
    out << YAML::EndSeq;
  }
  out << YAML::EndMap;
}

void until_section(YAML::Emitter& out, const Until& until) {
  out << YAML::Key << "until" << YAML::Value << YAML::BeginMap;
  number(out, "ratio_interval", until.ratio_interval);
  number(out, "max_blocks", until.max_blocks);
  number(out, "max_minutes", until.max_minutes);
  out << YAML::EndMap;
}

void settings(YAML::Emitter& out, const Experiment& experiment) {
  out << YAML::Key << "prompts" << YAML::Value << YAML::BeginMap;
  number(out, "seed", experiment.prompts.seed);
  if (experiment.prompts.file) text(out, "file", experiment.prompts.file->string());
  out << YAML::EndMap;
  out << YAML::Key << "measure" << YAML::Value << YAML::BeginMap;
  number(out, "blocks", experiment.measure.blocks);
  number(out, "warmup", experiment.measure.warmup);
  number(out, "cooldown_s", experiment.measure.cooldown_s);
  number(out, "seed", experiment.measure.seed);
  if (experiment.measure.until) until_section(out, *experiment.measure.until);
  number(out, "repeat_disturbed", experiment.measure.repeat_disturbed);
  number(out, "machine_limits", to_string(experiment.measure.machine_limits));
  number(out, "fresh_processes", experiment.measure.fresh_processes);
  if (!experiment.measure.cpus.empty()) text(out, "cpus", cpu_list_text(experiment.measure.cpus));
  out << YAML::EndMap;
  out << YAML::Key << "load" << YAML::Value << YAML::BeginMap;
  number(out, "cache", to_string(experiment.load.cache));
  out << YAML::EndMap;
  out << YAML::Key << "limits" << YAML::Value << YAML::BeginMap;
  number(out, "timeout_s", experiment.limits.timeout_s);
  if (experiment.limits.memory_bytes != 0) number(out, "memory", experiment.limits.memory_bytes);
  out << YAML::EndMap;
}

void quality_section(YAML::Emitter& out, const Quality& quality) {
  out << YAML::Key << "quality" << YAML::Value << YAML::BeginMap;
  text(out, "reference", quality.reference);
  if (quality.windows != 0) number(out, "windows", quality.windows);
  if (quality.text) text(out, "text", quality.text->string());
  if (!quality.max_kl.empty()) {
    out << YAML::Key << "max_kl" << YAML::Value << YAML::BeginMap;
    for (const auto& [name, bound] : quality.max_kl) {
      out << YAML::Key << name << YAML::Value << fmt::format("{}", bound);
    }
    out << YAML::EndMap;
  }
  out << YAML::EndMap;
}

void where(YAML::Emitter& out, const PointFilter& filter) {
  if (!filter.model.empty()) text(out, "model", filter.model);
  for (const auto& [axis, value] : filter.axes) number(out, axis.c_str(), value);
  if (!filter.scenario.empty()) text(out, "scenario", filter.scenario);
}

void regression(YAML::Emitter& out, const RegressionRule& rule) {
  out << YAML::BeginMap;
  if (!rule.contender.empty()) text(out, "contender", rule.contender);
  if (!rule.metric.empty()) text(out, "metric", rule.metric);
  where(out, rule.where);
  number(out, "threshold", rule.threshold);
  out << YAML::EndMap;
}

void judgement(YAML::Emitter& out, const Target& target) {
  out << YAML::BeginMap;
  if (!target.contender.empty()) text(out, "contender", target.contender);
  text(out, "metric", target.metric);
  where(out, target.where);
  if (target.percentile) number(out, "percentile", *target.percentile);
  out << YAML::Key << (target.at_least ? "at_least" : "at_most") << YAML::Value << bound_text(target);
  out << YAML::EndMap;
}

}  // namespace

std::string resolve_yaml(const Experiment& experiment, const Sweep& sweep) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  text(out, "name", experiment.name);
  backends(out, experiment.contenders);
  text(out, "baseline", experiment.baseline);
  texts(out, "models", experiment.models);
  sweep_section(out, sweep, experiment.serving);
  settings(out, experiment);
  // Left out of experiments without scenarios, so that runs of earlier versions can still be resumed.
  if (has_scenarios(sweep)) serving_section(out, experiment.serving);
  if (experiment.quality) quality_section(out, *experiment.quality);
  if (!experiment.targets.empty()) {
    out << YAML::Key << "targets" << YAML::Value << YAML::BeginSeq;
    for (const Target& target : experiment.targets) judgement(out, target);
    out << YAML::EndSeq;
  }
  if (!experiment.regressions.empty()) {
    out << YAML::Key << "regressions" << YAML::Value << YAML::BeginSeq;
    for (const RegressionRule& rule : experiment.regressions) regression(out, rule);
    out << YAML::EndSeq;
  }
  if (experiment.interactive) {
    out << YAML::Key << "interactive" << YAML::Value;
    judgement(out, *experiment.interactive);
  }
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

}  // namespace inferbench
