// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "cli/commands.hpp"
#include "cli/standard_streams.hpp"
#include "worker/worker_loop.hpp"

namespace inferbench {

namespace {

constexpr int kSocket = 3;  // the descriptor that the host assigns

}  // namespace

// Not for users: `run` starts it.
void add_worker_command(CLI::App& app, CommandContext& context) {
  app.add_subcommand("worker", "Runs one contender for `run`")->group("")->callback([&context] {
    context.holds_plugin = true;
    restore_write_signals();
    context.exit_code = run_worker_loop(kSocket);
  });
}

}  // namespace inferbench
