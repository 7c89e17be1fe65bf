// SPDX-License-Identifier: Apache-2.0
#include "cli/common_options.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "measure/affinity.hpp"
#include "measure/counter_places.hpp"
#include "support/error.hpp"

namespace inferbench {

void add_plugin_dir_option(CLI::App& command, std::vector<std::filesystem::path>& plugin_dirs) {
  command.add_option("--plugin-dir", plugin_dirs, "Folder with backends, searched first; may be given again")
      ->type_name("DIR");
}

void add_threads_option(CLI::App& command, std::int32_t& threads) {
  threads = usable_cpus();
  command.add_option("--threads", threads, "Compute threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->type_name("N");
}

void refuse_empty_values(CLI::App& app) {
  static const CLI::Validator kNotEmpty(
      [](const std::string& value) { return value.empty() ? std::string("the value is empty") : std::string(); }, "");
  for (CLI::Option* option : app.get_options()) {
    const bool is_text = option->get_type_name().starts_with(kTextType);
    if (option->get_items_expected_max() > 0 && !is_text) option->check(kNotEmpty);
  }
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) refuse_empty_values(*command);
}

void add_counter_options(CLI::App& command, CounterPlaces& places) {
  command.add_option("--nvml", places.nvml, "NVIDIA's management library, for what a GPU does during a trial")
      ->type_name("LIBRARY")
      ->capture_default_str();
  command.add_option("--powercap", places.powercap, "Folder of the processors' energy counters (RAPL)")
      ->type_name("DIR")
      ->capture_default_str();
}

void add_json_flag(CLI::App& command, bool& json) {
  command.add_flag("--json", json, "Print JSON");
}

std::map<std::string, std::string> parse_options(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> options;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw Error(fmt::format("--option '{}' is not KEY=VALUE", text), "for example --option isa=generic");
    }
    if (!options.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      throw Error(fmt::format("--option {} is given twice", text.substr(0, equals)), "give it once");
    }
  }
  return options;
}

CLI::Validator positive_number() {
  return CLI::Validator(
      [](const std::string& text) {
        double value = 0;
        const bool good = CLI::detail::lexical_cast(text, value) && value > 0;
        return good ? std::string() : "found '" + text + "', expected a number above 0";
      },
      "POSITIVE");
}

}  // namespace inferbench
