// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/standard_streams.hpp"
#include "measure/counter_places.hpp"
#include "worker/worker_loop.hpp"

namespace inferbench {

namespace {

constexpr int kSocket = 3;  // the descriptor that the host assigns

}  // namespace

// Not for users: `run` starts it.
void add_worker_command(CLI::App& app, CommandContext& context) {
  auto places = std::make_shared<CounterPlaces>();
  CLI::App* command = app.add_subcommand("worker", "Runs one contender for `run`")->group("");
  add_counter_options(*command, *places);
  command->callback([places, &context] {
    context.holds_plugin = true;
    restore_write_signals();
    context.exit_code = run_worker_loop(kSocket, *places);
  });
}

}  // namespace inferbench
