// SPDX-License-Identifier: Apache-2.0
#include "report/run_match.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "results/environment_difference.hpp"
#include "results/experiment_difference.hpp"
#include "results/model_identity.hpp"

namespace inferbench {

namespace {

using Texts = std::map<std::string, std::string>;

Texts backends_of(const RunInfo& info) {
  Texts texts;
  for (const PluginIdentity& plugin : info.plugins) {
    if (plugin.sha256.empty()) {
      texts.emplace("backend of " + plugin.contender, "the server at " + plugin.path);
      continue;
    }
    texts.emplace("backend of " + plugin.contender, fmt::format("{} {}, {}, SHA-256 {}", plugin.name, plugin.version,
                                                                plugin.build, plugin.sha256.substr(0, 12)));
  }
  for (const Contender& contender : info.contenders) {
    std::string text = contender.precision;
    for (const auto& [key, value] : contender.options) text += fmt::format(", {} {}", key, value);
    if (contender.endpoint) {
      text = fmt::format("model {}{}", contender.endpoint->model, contender.endpoint->chat ? ", chat" : "");
    }
    texts.emplace("precision and options of " + contender.name, text);
  }
  return texts;
}

Texts models_of(const RunInfo& info) {
  Texts texts;
  for (const ModelIdentity& model : info.models) {
    texts.emplace("model " + model.name,
                  fmt::format("{} parameters, SHA-256 {}", model.n_parameters, model.sha256.substr(0, 12)));
  }
  return texts;
}

void collect_differences(std::vector<Difference>& found, const Texts& a, const Texts& b) {
  std::set<std::string> keys;
  for (const auto& [key, value] : a) keys.insert(key);
  for (const auto& [key, value] : b) keys.insert(key);
  const auto value_in = [](const Texts& texts, const std::string& key) {
    const auto place = texts.find(key);
    return place == texts.end() ? std::string() : place->second;
  };
  for (const std::string& key : keys) {
    Difference difference{key, value_in(a, key), value_in(b, key)};
    if (difference.a != difference.b) found.push_back(std::move(difference));
  }
}

}  // namespace

std::vector<Match> match_points(const RunInfo& a, const RunInfo& b) {
  std::vector<Match> matches;
  std::vector<bool> taken(b.points.size(), false);
  for (std::size_t i = 0; i < a.points.size(); ++i) {
    for (std::size_t j = 0; j < b.points.size(); ++j) {
      if (taken[j] || !same_workload(a.points[i], b.points[j])) continue;
      if (!same_model_of(a, a.points[i].model, b, b.points[j].model)) continue;
      taken[j] = true;
      matches.push_back({i, j});
      break;
    }
  }
  return matches;
}

std::vector<Match> match_contenders(const RunInfo& a, const RunInfo& b) {
  std::vector<Match> matches;
  for (std::size_t i = 0; i < a.contenders.size(); ++i) {
    for (std::size_t j = 0; j < b.contenders.size(); ++j) {
      if (a.contenders[i].name == b.contenders[j].name) matches.push_back({i, j});
    }
  }
  return matches;
}

std::string why_nothing_in_common(const RunInfo& a, const RunInfo& b) {
  if (match_points(a, b).empty()) {
    const std::vector<std::string> changed = changed_models(a, b);
    return "the runs have no point in common" + (changed.empty() ? "" : "; " + changed.front());
  }
  return match_contenders(a, b).empty() ? "the runs have no contender in common" : "";
}

std::vector<Difference> find_differences(const RunInfo& a, const RunInfo& b) {
  std::vector<Difference> found;
  collect_differences(found, {{"program", a.program}}, {{"program", b.program}});
  collect_differences(found, backends_of(a), backends_of(b));
  collect_differences(found, models_of(a), models_of(b));
  for (EnvironmentDifference& difference : compare_environments(a.environment, b.environment)) {
    found.push_back({std::move(difference.key), std::move(difference.before), std::move(difference.now)});
  }
  if (!experiment_differences(a, b).empty()) {
    found.push_back({"experiment", a.name + " (different text)", b.name + " (different text)"});
  }
  return found;
}

}  // namespace inferbench
