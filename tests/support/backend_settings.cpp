// SPDX-License-Identifier: Apache-2.0
#include "support/backend_settings.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "model/model.hpp"
#include "support/test_paths.hpp"

namespace inferbench {

void BackendSettings::add_options(CLI::App& app) {
  app.add_option("--plugin", plugin, "The backend's library")->required();
  app.add_option("--precision", precision);
  app.add_option("--device", device);
  app.add_option_function<std::vector<std::string>>("--option", [this](const std::vector<std::string>& given) {
    for (const std::string& option : given) {
      const auto equals = option.find('=');
      if (equals == std::string::npos) throw CLI::ValidationError("--option", "takes KEY=VALUE");
      options[option.substr(0, equals)] = option.substr(equals + 1);
    }
  });
}

BackendModel BackendSettings::create_model(const Weights& weights, int threads) const {
  BackendContext context(Plugin::load(plugin), threads, {}, device);
  const OptionValues values(context.plugin().options(), options);
  return BackendModel(std::move(context), weights, precision, values);
}

bool BackendSettings::is_supported() const {
  const Model tiny = Model::open("tiny", test_paths::kData);
  try {
    create_model(tiny.weights(), 1);
    return true;
  } catch (const BackendError& error) {
    if (error.status() != IB_UNSUPPORTED) throw;
    std::printf("skipped: %s\n", error.what());
    return false;
  }
}

}  // namespace inferbench
