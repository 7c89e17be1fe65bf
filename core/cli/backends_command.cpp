// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "inferbench/decoder.hpp"
#include "plugin/left_out_engines.hpp"
#include "plugin/options.hpp"
#include "plugin/plugin_path.hpp"
#include "support/fit_text.hpp"
#include "support/one_line.hpp"
#include "support/print.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kTextWidth = 100;

struct Arguments {
  std::vector<std::filesystem::path> plugin_dirs;
  bool json = false;
};

std::vector<std::string> feature_names(std::uint64_t features) {
  std::vector<std::string> names;
  for (const decoder::FeatureName& known : decoder::kFeatureNames) {
    if ((features & known.feature) != 0) names.emplace_back(known.name);
  }
  return names;
}

// Of the engines that this program was built without, those that are not found elsewhere either.
std::vector<LeftOutEngine> missing_engines(const std::vector<std::string>& found) {
  std::vector<LeftOutEngine> engines = left_out_engines();
  std::erase_if(engines, [&](const LeftOutEngine& engine) {
    return std::find(found.begin(), found.end(), engine.name) != found.end();
  });
  return engines;
}

// ---- JSON ----

Json option_json(const OptionDescription& option) {
  Json json = {{"key", option.key},
               {"type", option_type_name(option.type)},
               {"default", option.default_value},
               {"accepts", option_range(option)},
               {"doc", option.doc}};
  const bool is_number = option.type == IB_OPTION_INT || option.type == IB_OPTION_FLOAT;
  if (is_number && option.min <= option.max) {
    json["min"] = option.min;
    json["max"] = option.max;
  }
  if (option.type == IB_OPTION_CHOICE) json["choices"] = option.choices;
  return json;
}

Json plugin_json(const PluginDescription& plugin) {
  Json json = {{"name", plugin.name},
               {"version", plugin.version},
               {"path", plugin.path.string()},
               {"doc", plugin.doc},
               {"build", plugin.build},
               {"license", plugin.license},
               {"abi", fmt::format("{}.{}", plugin.abi_major, plugin.abi_minor)},
               {"concurrent_sessions", (plugin.flags & IB_FLAG_CONCURRENT_SESSIONS) != 0},
               {"prompt_cache", (plugin.flags & IB_FLAG_PROMPT_CACHE) != 0},
               {"extensions", plugin.extensions},
               {"features", feature_names(plugin.features)},
               {"driver_threads", plugin.n_driver_threads},
               {"devices", Json::array()},
               {"device_problem", plugin.device_problem.empty() ? Json() : Json(plugin.device_problem)},
               {"precisions", Json::array()},
               {"options", Json::array()}};
  for (const PrecisionDescription& precision : plugin.precisions) {
    json["precisions"].push_back({{"name", precision.name},
                                  {"doc", precision.doc},
                                  {"weight_bits", precision.weight_bits},
                                  {"integer_products", precision.integer_products}});
  }
  for (const DeviceDescription& device : plugin.devices) {
    json["devices"].push_back({{"id", device.id}, {"name", device.name}, {"memory_bytes", device.memory_bytes}});
  }
  for (const OptionDescription& option : plugin.options) json["options"].push_back(option_json(option));
  return json;
}

void print_json(const PluginPath& search) {
  Json json = {{"folders", Json::array()},
               {"backends", Json::array()},
               {"problems", Json::array()},
               {"left_out", Json::array()}};
  for (const std::filesystem::path& folder : search.folders()) json["folders"].push_back(folder.string());
  std::vector<std::string> names;
  search.list([&](const FoundPlugin& found) {
    Json entry;
    if (found.plugin) {
      names.push_back(found.plugin->name);
      entry = plugin_json(*found.plugin);
    } else {
      entry = {{"path", found.path.string()}, {"problem", found.problem}, {"cure", found.cure}};
    }
    entry["shadowed_by"] = found.shadowed_by.empty() ? Json() : Json(found.shadowed_by.string());
    json[found.plugin ? "backends" : "problems"].push_back(std::move(entry));
  });
  for (const LeftOutEngine& engine : missing_engines(names)) {
    json["left_out"].push_back({{"name", engine.name}, {"reason", engine.reason}, {"cure", engine.hint}});
  }
  // A plugin's strings need not be UTF-8.
  print_result("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

// ---- text ----

void print_field(std::string_view label, std::string_view text) {
  print_result("  {:<11} {}\n", label, one_line(text));
}

// Rows of cells in aligned columns. Only the first row starts with the label.
void print_rows(std::string_view label, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line = fmt::format("  {:<11}", &row == &rows.front() ? label : "");
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool is_last = i + 1 == row.size();
      line += fmt::format(" {:<{}}", row[i], is_last ? 0 : widths[i] + 1);
    }
    print_result("{}\n", line);
  }
}

// Words, wrapped.
void print_features(std::uint64_t features) {
  std::string label = "features";
  std::string names;
  for (const std::string& name : feature_names(features)) names += (names.empty() ? "" : " ") + name;
  for (const std::string& line : wrap_text(names, kTextWidth)) {
    print_field(label, line);
    label.clear();
  }
}

void print_devices(const PluginDescription& plugin) {
  if (!plugin.device_problem.empty()) return print_field("devices", "none: " + plugin.device_problem);
  std::vector<std::vector<std::string>> rows;
  for (const DeviceDescription& device : plugin.devices) {
    rows.push_back({device.id, one_line(device.name, 80)});
    if (device.memory_bytes > 0) {
      rows.back().push_back(fmt::format("{:.0f} MiB", static_cast<double>(device.memory_bytes) / (1024.0 * 1024.0)));
    }
  }
  print_rows("devices", rows);
}

void print_plugin(const PluginDescription& plugin, const std::filesystem::path& shadowed_by) {
  print_result("{} {}\n", plugin.name, one_line(plugin.version, 80));
  print_field("", plugin.doc);
  print_field("file", plugin.path.string());
  if (!shadowed_by.empty()) print_field("shadowed by", shadowed_by.string() + " (select this one by its path)");
  print_field("build", plugin.build);
  print_field("license", plugin.license);

  std::vector<std::vector<std::string>> rows;
  for (const PrecisionDescription& precision : plugin.precisions) {
    rows.push_back({precision.name, one_line(precision.doc)});
  }
  rows.front().back() += " (default)";
  print_rows("precisions", rows);

  rows.clear();
  for (const OptionDescription& option : plugin.options) {
    const std::string fallback = option.default_value.empty() ? "(empty)" : one_line(option.default_value, 80);
    rows.push_back({option.key, fmt::format("= {}", fallback), option_range(option), one_line(option.doc)});
  }
  print_rows("options", rows);
  print_features(plugin.features);
  print_devices(plugin);
  if ((plugin.flags & IB_FLAG_PROMPT_CACHE) != 0)
    print_field("caches", "prompts: may reuse results of earlier prompts");
  print_result("\n");
}

void print_text(const PluginPath& search) {
  std::vector<FoundPlugin> broken;
  std::vector<std::string> names;
  search.list([&](const FoundPlugin& found) {
    if (found.plugin) {
      names.push_back(found.plugin->name);
      print_plugin(*found.plugin, found.shadowed_by);
      flush_results();  // a library that hangs may come next
    } else {
      broken.push_back(found);
    }
  });
  if (!broken.empty()) print_result("not usable:\n");
  for (const FoundPlugin& found : broken) print_result("  {}\n    hint: {}\n", found.problem, found.cure);
  if (!broken.empty()) print_result("\n");
  const std::vector<LeftOutEngine> missing = missing_engines(names);
  if (!missing.empty()) print_result("not in this build:\n");
  for (const LeftOutEngine& engine : missing) {
    print_result("  {}: {}\n    hint: {}\n", engine.name, engine.reason, engine.hint);
  }
  if (!missing.empty()) print_result("\n");
  print_result("looked in:\n");
  for (const std::filesystem::path& folder : search.folders()) print_result("  {}\n", folder.string());
  if (search.folders().empty()) print_result("  no folder; give one with --plugin-dir or INFERBENCH_PLUGIN_PATH\n");
}

void run_backends(const Arguments& arguments) {
  const PluginPath search(arguments.plugin_dirs);
  if (arguments.json) {
    print_json(search);
  } else {
    print_text(search);
  }
}

}  // namespace

void add_backends_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("backends", "List the backends: where they are and what each supports");
  command->footer(
      "Looks for lib*.so in --plugin-dir, then in INFERBENCH_PLUGIN_PATH (folders separated by ':'), then in the\n"
      "lib/inferbench of this build or install. Each library is loaded in its own process. A library that does not\n"
      "load, or takes longer than 10 s, is listed with the reason; the exit code is 0. Backends of other\n"
      "engines that this program was built without follow, with the reason and what to install.");
  add_plugin_dir_option(*command, arguments->plugin_dirs);
  add_json_flag(*command, arguments->json);
  command->callback([arguments] { run_backends(*arguments); });
}

}  // namespace inferbench
