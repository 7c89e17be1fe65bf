// SPDX-License-Identifier: Apache-2.0
#include "cli/load_backend.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <utility>

#include "cli/common_options.hpp"
#include "plugin/backend_reference.hpp"
#include "support/error.hpp"
#include "support/print.hpp"

namespace inferbench {

FoundBackend find_backend(const std::string& reference, const std::vector<std::filesystem::path>& plugin_dirs) {
  const BackendReference wanted = parse_backend_reference(reference);
  const PluginDescription plugin = PluginPath(plugin_dirs).find(wanted.plugin);
  plugin.require_device(wanted.device);
  if (wanted.precision.empty()) return {plugin, plugin.precisions.front().name, wanted.device};
  if (!plugin.has_precision(wanted.precision)) {
    std::string known;
    for (const PrecisionDescription& precision : plugin.precisions) {
      known += (known.empty() ? "" : ", ") + precision.name;
    }
    throw Error(fmt::format("backend {} has no precision '{}'", plugin.name, wanted.precision), "it has: " + known);
  }
  return {plugin, wanted.precision, wanted.device};
}

FoundBackend find_backend(const std::string& reference, const BackendArguments& settings) {
  FoundBackend found = find_backend(reference, settings.plugin_dirs);
  static_cast<void>(OptionValues(found.plugin.options, parse_options(settings.options)));
  return found;
}

BackendModel load_backend(const FoundBackend& found, const BackendArguments& settings, const Weights& weights,
                          HostCallbacks callbacks) {
  const OptionValues options(found.plugin.options, parse_options(settings.options));
  BackendContext context(Plugin::load(found.plugin.path), settings.threads, std::move(callbacks), found.device);
  return {std::move(context), weights, found.precision, options};
}

HostCallbacks terminal_callbacks() {
  HostCallbacks callbacks;
  callbacks.log = [](std::int32_t level, std::string_view message) {
    if (level >= IB_LOG_WARNING) print_message("inferbench: warning: {}\n", message);
  };
  if (isatty(STDERR_FILENO) == 1) {
    callbacks.progress = [](double fraction) {
      print_message("\rloading {:3.0f}%{}", fraction * 100, fraction < 1 ? "" : "\r            \r");
    };
  }
  return callbacks;
}

}  // namespace inferbench
