// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace inferbench {

struct CounterPlaces;

/// Adds --plugin-dir, which may be repeated.
void add_plugin_dir_option(CLI::App& command, std::vector<std::filesystem::path>& plugin_dirs);

/// Adds --threads. The default is the number of CPUs that the process may use.
void add_threads_option(CLI::App& command, std::int32_t& threads);

/// The type name of options whose value may be empty.
inline constexpr const char* kTextType = "TEXT";

/// Refuses an empty value of all other options of all commands: a shell passes one for an unset variable, and as a path
/// it would mean the current folder.
void refuse_empty_values(CLI::App& app);

/// Adds --nvml and --powercap: where the counters of energy and devices are.
void add_counter_options(CLI::App& command, CounterPlaces& places);

/// Adds --json.
void add_json_flag(CLI::App& command, bool& json);

/// Parses repeated --option values: KEY=VALUE -> key and value as text. Throws Error for another form or a repeated
/// key.
std::map<std::string, std::string> parse_options(const std::vector<std::string>& texts);

/// Accepts numbers above 0. Unlike CLI::PositiveNumber, its message does not end with the largest double.
CLI::Validator positive_number();

}  // namespace inferbench
