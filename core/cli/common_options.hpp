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

/// --plugin-dir, repeatable.
void add_plugin_dir_option(CLI::App& command, std::vector<std::filesystem::path>& plugin_dirs);

/// --threads; the default is every CPU that the process may use.
void add_threads_option(CLI::App& command, std::int32_t& threads);

/// Refuses an empty path, which a shell makes of a variable that is not set, and which would mean this folder.
CLI::Validator not_empty();

/// --json.
void add_json_flag(CLI::App& command, bool& json);

/// What --backend takes: B[:PRECISION].
struct BackendReference {
  std::string plugin;
  std::string precision;  ///< empty: the backend's first
};
BackendReference parse_backend_reference(const std::string& text);

/// What --option takes, repeated: KEY=VALUE -> key and value as text. Throws Error on another form or a key given
/// twice.
std::map<std::string, std::string> parse_options(const std::vector<std::string>& texts);

}  // namespace inferbench
