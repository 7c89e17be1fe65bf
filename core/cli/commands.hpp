// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

namespace CLI {
class App;
}

namespace inferbench {

/// State shared by the subcommands. Lives as long as the program's CLI::App.
struct CommandContext {
  int exit_code = 0;          ///< set by a subcommand whose exit code is not 0
  bool holds_plugin = false;  ///< set if this process loaded a backend: its exit handlers must not run
};

// Each function adds one subcommand. The subcommand's callback does the work and throws Error.
void add_analyze_command(CLI::App& app, CommandContext& context);
void add_backends_command(CLI::App& app, CommandContext& context);
void add_completion_command(CLI::App& app, CommandContext& context);
void add_conformance_command(CLI::App& app, CommandContext& context);
void add_check_command(CLI::App& app, CommandContext& context);
void add_compare_command(CLI::App& app, CommandContext& context);
void add_endpoint_command(CLI::App& app, CommandContext& context);
void add_generate_command(CLI::App& app, CommandContext& context);
void add_ipc_command(CLI::App& app, CommandContext& context);
void add_logits_command(CLI::App& app, CommandContext& context);
void add_machine_command(CLI::App& app, CommandContext& context);
void add_ops_command(CLI::App& app, CommandContext& context);
void add_perplexity_command(CLI::App& app, CommandContext& context);
void add_new_backend_command(CLI::App& app, CommandContext& context);
void add_predict_command(CLI::App& app, CommandContext& context);
void add_merge_command(CLI::App& app, CommandContext& context);
void add_report_command(CLI::App& app, CommandContext& context);
void add_run_command(CLI::App& app, CommandContext& context);
void add_slurm_command(CLI::App& app, CommandContext& context);
void add_serve_command(CLI::App& app, CommandContext& context);
void add_schema_command(CLI::App& app, CommandContext& context);
void add_tokenize_command(CLI::App& app, CommandContext& context);
void add_worker_command(CLI::App& app, CommandContext& context);

}  // namespace inferbench
