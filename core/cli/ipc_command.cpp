// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/load_backend.hpp"
#include "ipc/cost_text.hpp"
#include "plugin/backend_reference.hpp"
#include "support/print.hpp"

namespace inferbench {
namespace {

struct IpcArguments {
  std::string backend = "null";
  std::vector<std::string> options;
  std::vector<std::filesystem::path> plugin_dirs;
  bool quick = false;
  bool json = false;
};

constexpr CostEffort kQuick{100, 200, 0.02};

void measure_costs(const IpcArguments& arguments) {
  const FoundBackend found = find_backend(arguments.backend, {arguments.options, 1, arguments.plugin_dirs});
  const CostEffort effort = arguments.quick ? kQuick : CostEffort{};
  const std::vector<SampleMessage> messages = sample_messages();
  IpcCosts costs;
  costs.backend = found.plugin.name;
  costs.calls = measure_calls({found.plugin, found.precision, parse_options(arguments.options), found.device}, effort);
  costs.frames = measure_frames(messages, effort);
  costs.round_trips = measure_round_trips({"/proc/self/exe", "worker"}, messages, effort);
  print_result("{}", arguments.json ? to_json(costs).dump(2) + "\n" : to_text(costs));
}

}  // namespace

void add_ipc_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<IpcArguments>();
  CLI::App* command =
      app.add_subcommand("ipc", "Measure the overhead of inferbench: backend call, frame, round trip to the worker");
  command->add_option("--backend", arguments->backend, "Backend whose calls are measured; null does nothing")
      ->type_name(kReferenceForm)
      ->capture_default_str();
  command->add_option("--option", arguments->options, "Option of the backend, KEY=VALUE; may be given again")
      ->allow_extra_args(false)
      ->type_name("K=V");
  command->add_flag("--quick", arguments->quick, "Take a tenth of the samples; less precise");
  add_plugin_dir_option(*command, arguments->plugin_dirs);
  add_json_flag(*command, arguments->json);
  command->footer(
      "Of these, only the call is part of a measured time: it is the difference between the backend's own forward and\n"
      "the forward that a trial times. A frame crosses before and after a trial, never during one.\n"
      "Stop other programs meanwhile. With --backend, the calls are those of another backend, on a model of one tiny\n"
      "layer: mostly what each of its calls costs before it computes.");
  command->callback([arguments] { measure_costs(*arguments); });
}

}  // namespace inferbench
