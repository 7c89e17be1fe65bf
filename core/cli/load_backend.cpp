// SPDX-License-Identifier: Apache-2.0
#include "cli/load_backend.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

#include "cli/common_options.hpp"
#include "support/error.hpp"

namespace inferbench {

std::string LoadedBackend::name() const {
  return fmt::format("{}:{}", model.plugin().name(), precision);
}

FoundBackend find_backend(const std::string& reference, const std::vector<std::filesystem::path>& plugin_dirs) {
  const BackendReference wanted = parse_backend_reference(reference);
  const Plugin plugin = PluginPath(plugin_dirs).find(wanted.plugin);
  if (wanted.precision.empty()) return {plugin, plugin.precisions()[0].name};
  if (!plugin.has_precision(wanted.precision)) {
    std::string known;
    for (const ib_precision_info& precision : plugin.precisions()) {
      known += (known.empty() ? "" : ", ") + std::string(precision.name);
    }
    throw Error(fmt::format("backend {} has no precision '{}'", plugin.name(), wanted.precision), "it has: " + known);
  }
  return {plugin, wanted.precision};
}

LoadedBackend load_backend(const std::string& reference, const BackendArguments& settings, const Weights& weights,
                           HostCallbacks callbacks) {
  const FoundBackend found = find_backend(reference, settings.plugin_dirs);
  const OptionValues options(found.plugin.options(), parse_options(settings.options));
  BackendContext context(found.plugin, settings.threads, std::move(callbacks));
  return {BackendModel(std::move(context), weights, found.precision, options), found.precision};
}

HostCallbacks terminal_callbacks() {
  HostCallbacks callbacks;
  callbacks.log = [](std::int32_t level, std::string_view message) {
    if (level >= IB_LOG_WARNING) fmt::print(stderr, "inferbench: warning: {}\n", message);
  };
  if (isatty(STDERR_FILENO) == 1) {
    callbacks.progress = [](double fraction) {
      fmt::print(stderr, "\rloading {:3.0f}%{}", fraction * 100, fraction < 1 ? "" : "\r            \r");
      std::fflush(stderr);
    };
  }
  return callbacks;
}

}  // namespace inferbench
