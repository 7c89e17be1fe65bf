// SPDX-License-Identifier: Apache-2.0
#include "report/run_match.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

namespace inferbench {

namespace {

using Texts = std::map<std::string, std::string>;

// Of the environment: these say nothing lasting about the machine.
constexpr std::array<std::string_view, 4> kPassing{"/time", "/system/load", "/memory/available_bytes", "/cpu/mhz_now"};

std::string shown(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

Texts environment_of(const RunInfo& info) {
  Texts texts;
  const auto environment = nlohmann::json::parse(info.environment, nullptr, false);
  if (!environment.is_object()) return texts;
  const auto flat = environment.flatten();  // items() borrows
  for (const auto& [path, value] : flat.items()) {
    const bool passing = std::find(kPassing.begin(), kPassing.end(), path) != kPassing.end();
    if (!passing && !value.is_null()) texts.emplace(path.substr(1), shown(value));
  }
  return texts;
}

Texts backends_of(const RunInfo& info) {
  Texts texts;
  for (const PluginIdentity& plugin : info.plugins) {
    texts.emplace("backend of " + plugin.contender, fmt::format("{} {}, {}, SHA-256 {}", plugin.name, plugin.version,
                                                                plugin.build, plugin.sha256.substr(0, 12)));
  }
  for (const Contender& contender : info.contenders) {
    std::string text = contender.precision;
    for (const auto& [key, value] : contender.options) text += fmt::format(", {} {}", key, value);
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

std::string model_name(const RunInfo& info, const std::string& reference) {
  const auto found = std::find_if(info.models.begin(), info.models.end(),
                                  [&](const ModelIdentity& model) { return model.reference == reference; });
  return found == info.models.end() ? reference : found->name;
}

std::vector<Match> match_points(const RunInfo& a, const RunInfo& b) {
  std::vector<Match> matches;
  std::vector<bool> taken(b.points.size(), false);
  const auto find = [&](const Point& point, auto&& same_model) {
    for (std::size_t i = 0; i < b.points.size(); ++i) {
      if (!taken[i] && same_workload(point, b.points[i]) && same_model(b.points[i])) return i;
    }
    return b.points.size();
  };
  for (std::size_t i = 0; i < a.points.size(); ++i) {
    const Point& point = a.points[i];
    std::size_t other = find(point, [&](const Point& theirs) { return theirs.model == point.model; });
    if (other == b.points.size()) {
      const std::string name = model_name(a, point.model);
      other = find(point, [&](const Point& theirs) { return model_name(b, theirs.model) == name; });
    }
    if (other == b.points.size()) continue;
    taken[other] = true;
    matches.push_back({i, other});
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

std::vector<Difference> find_differences(const RunInfo& a, const RunInfo& b) {
  std::vector<Difference> found;
  collect_differences(found, {{"program", a.program}}, {{"program", b.program}});
  collect_differences(found, backends_of(a), backends_of(b));
  collect_differences(found, models_of(a), models_of(b));
  collect_differences(found, environment_of(a), environment_of(b));
  if (a.resolved_yaml != b.resolved_yaml) {
    found.push_back({"experiment", a.name + " (another text)", b.name + " (another text)"});
  }
  return found;
}

std::string point_title(const std::string& model_name, const Point& point) {
  return fmt::format("{}: {}", model_name, workload_text(point));
}

}  // namespace inferbench
