// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "plugin/options.hpp"
#include "plugin/plugin.hpp"
#include "support/one_line.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::ordered_json;

struct Arguments {
  std::vector<std::filesystem::path> plugin_dirs;
  bool json = false;
};

// ---- JSON ----

Json option_json(const ib_option_info& option) {
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
  if (option.type == IB_OPTION_CHOICE) {
    json["choices"] = Json::array();
    for (const char* const* choice = option.choices; *choice != nullptr; ++choice) json["choices"].push_back(*choice);
  }
  return json;
}

Json plugin_json(const Plugin& plugin) {
  const ib_backend& table = plugin.table();
  Json json = {{"name", plugin.name()},
               {"version", plugin.version()},
               {"path", plugin.path().string()},
               {"doc", plugin.doc()},
               {"build", plugin.build()},
               {"license", plugin.license()},
               {"abi", fmt::format("{}.{}", table.abi_major, table.abi_minor)},
               {"concurrent_sessions", (table.flags & IB_FLAG_CONCURRENT_SESSIONS) != 0},
               {"precisions", Json::array()},
               {"options", Json::array()}};
  for (const ib_precision_info& precision : plugin.precisions()) {
    json["precisions"].push_back({{"name", precision.name}, {"doc", precision.doc}});
  }
  for (const ib_option_info& option : plugin.options()) json["options"].push_back(option_json(option));
  return json;
}

void print_json(const PluginPath& search, const std::vector<PluginPath::Found>& all) {
  Json json = {{"folders", Json::array()}, {"backends", Json::array()}, {"problems", Json::array()}};
  for (const std::filesystem::path& folder : search.folders()) json["folders"].push_back(folder.string());
  for (const PluginPath::Found& found : all) {
    const Json shadowed_by = found.shadowed_by.empty() ? Json() : Json(found.shadowed_by.string());
    Json entry;
    if (found.plugin.empty()) {
      entry = {{"path", found.path.string()}, {"problem", found.problem}, {"cure", found.cure}};
    } else {
      entry = plugin_json(found.plugin.front());
    }
    entry["shadowed_by"] = shadowed_by;
    json[found.plugin.empty() ? "problems" : "backends"].push_back(std::move(entry));
  }
  // A plugin's strings need not be UTF-8.
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

// ---- text ----

void print_field(std::string_view label, std::string_view text) {
  fmt::print("  {:<11} {}\n", label, one_line(text));
}

// Rows of cells, columns aligned; the label stands before the first row only.
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
    fmt::print("{}\n", line);
  }
}

void print_plugin(const Plugin& plugin, const std::filesystem::path& shadowed_by) {
  fmt::print("{} {}\n", plugin.name(), one_line(plugin.version(), 80));
  print_field("", plugin.doc());
  print_field("file", plugin.path().string());
  if (!shadowed_by.empty()) print_field("shadowed by", shadowed_by.string() + " (use this one by its path)");
  print_field("build", plugin.build());
  print_field("license", plugin.license());

  std::vector<std::vector<std::string>> rows;
  for (const ib_precision_info& precision : plugin.precisions()) {
    rows.push_back({precision.name, one_line(precision.doc)});
  }
  rows.front().back() += " (default)";
  print_rows("precisions", rows);

  rows.clear();
  for (const ib_option_info& option : plugin.options()) {
    rows.push_back({option.key, fmt::format("= {}", one_line(option.default_value, 80)), option_range(option),
                    one_line(option.doc)});
  }
  print_rows("options", rows);
  fmt::print("\n");
}

void print_text(const PluginPath& search, const std::vector<PluginPath::Found>& all) {
  std::size_t n_broken = 0;
  for (const PluginPath::Found& found : all) {
    if (found.plugin.empty()) {
      ++n_broken;
    } else {
      print_plugin(found.plugin.front(), found.shadowed_by);
    }
  }
  if (n_broken > 0) fmt::print("not usable:\n");
  for (const PluginPath::Found& found : all) {
    if (found.plugin.empty()) fmt::print("  {}\n    hint: {}\n", found.problem, found.cure);
  }
  if (n_broken > 0) fmt::print("\n");
  fmt::print("looked in:\n");
  for (const std::filesystem::path& folder : search.folders()) fmt::print("  {}\n", folder.string());
  if (search.folders().empty()) fmt::print("  no folder; give one with --plugin-dir or INFERBENCH_PLUGIN_PATH\n");
}

void run_backends(const Arguments& arguments) {
  const PluginPath search(arguments.plugin_dirs);
  const std::vector<PluginPath::Found> all = search.list();
  if (arguments.json) {
    print_json(search, all);
  } else {
    print_text(search, all);
  }
}

}  // namespace

void add_backends_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("backends", "List the backends: where they are, what each can do");
  command->footer(
      "Looks for lib*.so in --plugin-dir, then in INFERBENCH_PLUGIN_PATH (folders separated by ':'), then in the\n"
      "lib/inferbench of this build or install. What does not load is listed with the reason; the exit code is 0.");
  add_plugin_dir_option(*command, arguments->plugin_dirs);
  add_json_flag(*command, arguments->json);
  command->callback([arguments] { run_backends(*arguments); });
}

}  // namespace inferbench
