// SPDX-License-Identifier: Apache-2.0
#include "results/run_info.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "experiment/endpoint_entry.hpp"
#include "experiment/point_fields.hpp"
#include "results/config_json.hpp"
#include "results/experiment_difference.hpp"
#include "results/model_identity.hpp"
#include "results/precision_json.hpp"
#include "support/dom_fields.hpp"
#include "support/error.hpp"
#include "support/json_integer.hpp"
#include "support/json_problem.hpp"

namespace inferbench {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

Json json_of(const ServerAddress& server) {
  return {{"url", server.url},
          {"model", server.model},
          {"api_key_env", server.api_key_env},
          {"chat", server.chat},
          {"prompts", to_string(server.prompts)},
          {"timeout_s", server.timeout_s}};
}

Json json_of(const Contender& contender) {
  Json object{{"name", contender.name},
              {"plugin", contender.plugin},
              {"precision", contender.precision},
              {"options", contender.options}};
  if (!contender.device.empty()) object["device"] = contender.device;
  if (contender.endpoint) object["endpoint"] = json_of(*contender.endpoint);
  return object;
}

Json json_of(const Point& point) {
  Json object = Json::object();
  FieldWriter writer(object);
  walk_point(writer, point);
  return object;
}

Json json_of(const PluginIdentity& plugin) {
  Json object{{"contender", plugin.contender}, {"path", plugin.path},   {"name", plugin.name},
              {"version", plugin.version},     {"build", plugin.build}, {"sha256", plugin.sha256}};
  if (plugin.prompt_cache) object["prompt_cache"] = true;
  put_precision(object, plugin.precision);
  return object;
}

Json json_of(const FileIdentity& file) {
  return Json{{"role", file.role}, {"paths", file.paths}, {"sha256", file.sha256}};
}

// The sizes alone, if more was never known.
Json shape_json(const ModelIdentity& model) {
  if (model.whole_config) return config_to_json(*model.shape);
  const ModelConfig& config = *model.shape;
  return {{"n_layers", config.n_layers},       {"n_heads", config.n_heads},       {"width", config.hidden_size},
          {"inner", config.intermediate_size}, {"context", config.max_positions}, {"vocab", config.vocab_size},
          {"tied_head", config.tied_head}};
}

Json json_of(const ModelIdentity& model) {
  Json object{{"reference", model.reference},
              {"name", model.name},
              {"sha256", model.sha256},
              {"n_parameters", model.n_parameters}};
  if (model.shape) object["shape"] = shape_json(model);
  if (!model.earlier_references.empty()) object["earlier_references"] = model.earlier_references;
  return object;
}

Json json_of(const Shard& shard) {
  return Json{{"index", shard.index}, {"count", shard.count}};
}

Json json_of(const MergedRun& run) {
  return Json{{"folder", run.folder},
              {"started", run.started},
              {"environment", Json::parse(run.environment)},
              {"differs", run.differs},
              {"shard", json_of(run.shard)},
              {"machine", run.machine ? to_json(*run.machine) : Json(nullptr)}};
}

Json json_of(const IdlePower& idle) {
  return Json{{"source", idle.source},
              {"watts", idle.watts ? Json(*idle.watts) : Json(nullptr)},
              {"unknown", idle.unknown.empty() ? Json(nullptr) : Json(idle.unknown)}};
}

template <typename T>
Json list_of(const std::vector<T>& values) {
  Json list = Json::array();
  for (const auto& value : values) list.push_back(json_of(value));
  return list;
}

ServerAddress server_from(const Json& object) {
  const auto prompts = prompt_form_from(object.at("prompts").get<std::string>());
  if (!prompts) throw Error("unknown form of an endpoint's prompts");
  return {object.at("url").get<std::string>(),
          object.at("model").get<std::string>(),
          object.at("api_key_env").get<std::string>(),
          object.at("chat").get<bool>(),
          *prompts,
          object.at("timeout_s").get<double>()};
}

Contender contender_from(const Json& object) {
  std::optional<ServerAddress> server;
  if (const auto found = object.find("endpoint"); found != object.end()) server = server_from(*found);
  return {object.at("name").get<std::string>(),      object.at("plugin").get<std::string>(),
          object.at("precision").get<std::string>(), object.at("options").get<std::map<std::string, std::string>>(),
          object.value("device", std::string()),     std::move(server)};
}

Point point_from(const Json& object) {
  Point point;
  const nlohmann::json plain(object);
  const DomFields fields(plain);
  FieldReader reader(fields);
  walk_point(reader, point);
  return point;
}

PluginIdentity plugin_from(const Json& object) {
  PluginIdentity plugin{object.at("contender").get<std::string>(), object.at("path").get<std::string>(),
                        object.at("name").get<std::string>(),      object.at("version").get<std::string>(),
                        object.at("build").get<std::string>(),     object.at("sha256").get<std::string>(),
                        object.value("prompt_cache", false),       std::nullopt};
  plugin.precision = precision_from(object);
  return plugin;
}

FileIdentity file_from(const Json& object) {
  return {object.at("role").get<std::string>(), object.at("paths").get<std::vector<std::string>>(),
          object.at("sha256").get<std::string>()};
}

ModelIdentity model_from(const Json& object) {
  ModelIdentity model{object.at("reference").get<std::string>(),
                      object.at("name").get<std::string>(),
                      object.at("sha256").get<std::string>(),
                      integer_of<std::uint64_t>(object.at("n_parameters")),
                      std::nullopt,
                      false};
  if (object.contains("shape")) {
    model.shape = config_from_json(object.at("shape"));
    model.whole_config = is_whole_config(object.at("shape"));
  }
  if (const auto earlier = object.find("earlier_references"); earlier != object.end()) {
    model.earlier_references = earlier->get<std::vector<std::string>>();
  }
  return model;
}

// Absent in folders of earlier versions: everything.
Shard shard_from(const Json& object) {
  const auto shard = object.find("shard");
  if (shard == object.end()) return {};
  return {integer_of<std::int32_t>(shard->at("index")), integer_of<std::int32_t>(shard->at("count"))};
}

std::optional<MachineLimits> machine_from(const Json& object) {
  const auto machine = object.find("machine");
  if (machine == object.end() || machine->is_null()) return std::nullopt;
  return machine_limits_from_json(*machine);
}

IdlePower idle_power_from(const Json& object) {
  IdlePower idle{object.at("source").get<std::string>(), std::nullopt, {}};
  if (!object.at("watts").is_null()) idle.watts = object.at("watts").get<double>();
  if (!object.at("unknown").is_null()) idle.unknown = object.at("unknown").get<std::string>();
  return idle;
}

MergedRun merged_from(const Json& object) {
  return {object.at("folder").get<std::string>(),
          object.at("started").get<std::string>(),
          object.at("environment").dump(),
          object.at("differs").get<std::vector<std::string>>(),
          shard_from(object),
          machine_from(object)};
}

template <typename T>
std::vector<T> read_list(const Json& list, T (*read)(const Json&)) {
  std::vector<T> values;
  for (const auto& item : list) values.push_back(read(item));
  return values;
}

}  // namespace

std::optional<PrecisionMeaning> precision_of(std::span<const PluginIdentity> plugins, std::string_view contender,
                                             std::string_view precision) {
  for (const PluginIdentity& plugin : plugins) {
    if (plugin.contender == contender && plugin.precision) return plugin.precision;
  }
  return precision_meaning(precision);
}

std::string to_json_text(const RunInfo& info) {
  Json object{{"format", kFormat},
              {"name", info.name},
              {"program", info.program},
              {"started", info.started},
              {"experiment_file", info.experiment_file},
              {"experiment", info.resolved_yaml},
              {"baseline", info.baseline},
              {"blocks", info.blocks},
              {"planned_trials", info.planned_trials},
              {"contenders", list_of(info.contenders)},
              {"points", list_of(info.points)},
              {"plugins", list_of(info.plugins)},
              {"models", list_of(info.models)},
              {"environment", Json::parse(info.environment)},
              {"shard", json_of(info.shard)},
              {"machine", info.machine ? to_json(*info.machine) : Json(nullptr)}};
  if (info.fresh_processes) object["fresh_processes"] = *info.fresh_processes;
  if (!info.files.empty()) object["files"] = list_of(info.files);
  if (!info.experiment_folder_from_run.empty()) {
    object["experiment_folder_from_run"] = info.experiment_folder_from_run;
  }
  if (info.prompt_rule) object["prompt_rule"] = *info.prompt_rule;
  if (!info.prompt_notes.empty()) object["prompt_notes"] = info.prompt_notes;
  if (!info.idle_power.empty()) object["idle_power"] = list_of(info.idle_power);
  if (!info.merged.empty()) object["merged"] = list_of(info.merged);
  return object.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

RunInfo parse_run_info(std::string_view text, const std::filesystem::path& path) {
  try {
    const Json object = Json::parse(text);
    if (const int format = integer_of<int>(object.at("format")); format != kFormat) {
      throw Error(fmt::format("{} has format {}, this program reads {}", path.string(), format, kFormat),
                  "use the inferbench version that wrote it: see \"program\" in run.json");
    }
    RunInfo info;
    info.name = object.at("name").get<std::string>();
    info.program = object.at("program").get<std::string>();
    info.started = object.at("started").get<std::string>();
    info.experiment_file = object.at("experiment_file").get<std::string>();
    info.resolved_yaml = object.at("experiment").get<std::string>();
    info.baseline = object.at("baseline").get<std::string>();
    info.blocks = integer_of<std::int32_t>(object.at("blocks"));
    if (const auto fresh = object.find("fresh_processes"); fresh != object.end()) {
      info.fresh_processes = fresh->get<bool>();
    }
    if (object.contains("files")) info.files = read_list(object.at("files"), file_from);
    if (const auto rule = object.find("prompt_rule"); rule != object.end()) {
      info.prompt_rule = integer_of<std::int32_t>(*rule);
    }
    if (const auto notes = object.find("prompt_notes"); notes != object.end()) {
      info.prompt_notes = notes->get<std::vector<std::string>>();
    }
    info.planned_trials = integer_of<std::uint64_t>(object.at("planned_trials"));
    info.contenders = read_list(object.at("contenders"), contender_from);
    info.points = read_list(object.at("points"), point_from);
    info.plugins = read_list(object.at("plugins"), plugin_from);
    info.models = read_list(object.at("models"), model_from);
    make_names_distinct(info.models);
    info.environment = object.at("environment").dump();
    info.shard = shard_from(object);
    info.machine = machine_from(object);
    if (const auto folder = object.find("experiment_folder_from_run"); folder != object.end()) {
      info.experiment_folder_from_run = folder->get<std::string>();
    }
    if (object.contains("idle_power")) info.idle_power = read_list(object.at("idle_power"), idle_power_from);
    if (object.contains("merged")) info.merged = read_list(object.at("merged"), merged_from);
    return info;
  } catch (const nlohmann::json::exception& error) {
    throw Error(fmt::format("{} is damaged: {}", path.string(), json_problem(error)),
                "the file was changed by something else; restore it, or measure again");
  }
}

std::string find_difference(const RunInfo& before, const RunInfo& now) {
  if (const auto lines = experiment_differences(before, now); !lines.empty()) {
    return "the experiment differs from the one that this run started with: " + lines.front();
  }
  for (const auto& plugin : before.plugins) {
    const auto same = [&](const PluginIdentity& other) { return other.contender == plugin.contender; };
    const auto found = std::find_if(now.plugins.begin(), now.plugins.end(), same);
    if (found == now.plugins.end() || found->sha256 != plugin.sha256) {
      return fmt::format("the backend of {} is a different build: {}", plugin.contender,
                         found == now.plugins.end() ? plugin.path : found->path);
    }
  }
  for (const auto& model : before.models) {
    const auto same = [&](const ModelIdentity& other) { return same_model(other, model); };
    if (std::none_of(now.models.begin(), now.models.end(), same)) {
      return fmt::format("the model {} has changed", model.reference);
    }
  }
  for (const auto& file : before.files) {
    const auto same = [&](const FileIdentity& other) { return other.sha256 == file.sha256; };
    if (!now.files.empty() && std::none_of(now.files.begin(), now.files.end(), same)) {
      return fmt::format("{} has changed: {}", file.role, fmt::join(file.paths, ", "));
    }
  }
  if (before.prompt_rule != now.prompt_rule) return "a different version of inferbench chose the prompts";
  return {};
}

}  // namespace inferbench
