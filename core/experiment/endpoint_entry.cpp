// SPDX-License-Identifier: Apache-2.0
#include "experiment/endpoint_entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "experiment/yaml_value.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kMaxUrlBytes = 1000;
constexpr std::size_t kMaxModelBytes = 500;
constexpr std::size_t kMaxVariableBytes = 100;
constexpr const char* kUrlCure = "give the address up to /v1, such as http://127.0.0.1:8080/v1";

constexpr std::array<std::pair<std::string_view, PromptForm>, 3> kForms{
    {{"auto", PromptForm::kAuto}, {"ids", PromptForm::kIds}, {"text", PromptForm::kText}}};

bool is_visible(char c) {
  return c > ' ' && c < '\x7f';
}

// "host:port" of a URL that starts with http:// or https://.
std::string_view authority_of(std::string_view url) {
  const std::size_t begin = url.find("://") + 3;
  return url.substr(begin, url.find('/', begin) - begin);
}

std::string read_url(const YamlNode& node) {
  std::string url = read_text(node, "backends.endpoint");
  const bool is_http = url.starts_with("http://") || url.starts_with("https://");
  const bool clean = url.size() <= kMaxUrlBytes && std::all_of(url.begin(), url.end(), is_visible);
  if (!is_http || !clean || authority_of(url).empty()) {
    fail(node.at, "backends.endpoint: not an http:// or https:// URL of at most 1000 characters", kUrlCure);
  }
  if (authority_of(url).find('@') != std::string_view::npos || url.find_first_of("?#") != std::string::npos) {
    fail(node.at,
         "backends.endpoint: the URL contains a user, a password, a query or a fragment, expected none of them",
         "put the API key into an environment variable and name it: api_key_env: MY_KEY");
  }
  while (url.ends_with('/')) url.pop_back();
  return url;
}

bool is_variable_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string read_variable(const YamlNode& node) {
  std::string name = read_text(node, "backends.api_key_env");
  const bool valid = !name.empty() && name.size() <= kMaxVariableBytes && (name.front() < '0' || name.front() > '9') &&
                     std::all_of(name.begin(), name.end(), is_variable_character);
  if (valid) return name;
  // The value may be the key itself.
  fail(node.at, "backends.api_key_env: not the name of an environment variable: letters, digits and '_'",
       "write the variable's name, not the API key: experiment files are kept with the results");
}

std::string read_server_model(const YamlNode* node, const YamlNode& entry) {
  if (node == nullptr) {
    fail(entry.at, "backends: 'model' is missing, expected the model's name at the server",
         "the server lists its names under /v1/models");
  }
  std::string model = read_text(*node, "backends.model");
  if (!model.empty() && model.size() <= kMaxModelBytes && one_line(model) == model) return model;
  fail_type(*node, "backends.model", fmt::format("a name of 1 to {} bytes on one line", kMaxModelBytes));
}

// Keys of a plugin say what the program computes with; of a server, only its operator can say that.
void refuse_plugin_keys(const Section& entry) {
  for (const char* key : {"plugin", "precision", "device", "options", "optional"}) {
    const YamlNode* node = entry.find(key);
    if (node == nullptr) continue;
    fail(node->at, fmt::format("backends.{}: found next to 'endpoint', expected only keys of an endpoint", key),
         "remove it: a server has been started with its own settings");
  }
}

}  // namespace

std::string_view to_string(PromptForm form) {
  return kForms.at(static_cast<std::size_t>(form)).first;
}

std::optional<PromptForm> prompt_form_from(std::string_view text) {
  for (const auto& [name, form] : kForms) {
    if (name == text) return form;
  }
  return std::nullopt;
}

Contender read_endpoint(const Section& entry) {
  refuse_plugin_keys(entry);
  ServerAddress server;
  server.url = read_url(entry.node().find("endpoint")->value);
  server.model = read_server_model(entry.find("model"), entry.node());
  if (const YamlNode* variable = entry.find("api_key_env")) server.api_key_env = read_variable(*variable);
  entry.flag("chat", server.chat);
  entry.choice("prompts", server.prompts, kForms);
  entry.number("timeout_s", server.timeout_s);
  if (server.chat && server.prompts == PromptForm::kIds) {
    fail(entry.find("prompts")->at, "backends.prompts: found 'ids' in a chat, which has only texts",
         "leave 'prompts' or 'chat' out");
  }
  Contender contender;
  contender.name = one_line(fmt::format("{}@{}", server.model, authority_of(server.url)), 100);
  contender.endpoint = std::move(server);
  return contender;
}

void refuse_endpoint_keys(const YamlNode& entry) {
  for (const char* key : {"model", "api_key_env", "chat", "prompts", "timeout_s"}) {
    const YamlEntry* found = entry.find(key);
    if (found == nullptr) continue;
    fail(found->at, fmt::format("backends.{}: found without 'endpoint', expected only keys of a plugin", key),
         "for a server: {endpoint: \"http://127.0.0.1:8080/v1\", model: NAME}");
  }
}

void check_endpoints(const Experiment& experiment, const Position& at) {
  if (experiment.models.size() > 1) {
    fail(at,
         fmt::format("backends: an endpoint serves one model, but 'models' has {}, expected one",
                     experiment.models.size()),
         "write an experiment for each model");
  }
  const auto is_batch = [](const Point& point) { return point.scenario.empty(); };
  const auto& points = experiment.points;
  if (std::all_of(points.begin(), points.end(), is_batch)) {
    fail(at, "backends: an endpoint is measured with requests that arrive, but the sweep has only batches",
         "for example sweep.scenario=[offline, {closed: {concurrency: [1, 8]}}]");
  }
  const auto baseline = std::find_if(experiment.contenders.begin(), experiment.contenders.end(),
                                     [&](const Contender& contender) { return contender.name == experiment.baseline; });
  if (baseline->endpoint && std::any_of(points.begin(), points.end(), is_batch)) {
    fail(at, fmt::format("baseline: {} is an endpoint, which has no batches to compare with", quote(baseline->name)),
         "name another baseline, or leave 'batch' out of sweep.scenario");
  }
}

}  // namespace inferbench
