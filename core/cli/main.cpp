// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <sstream>
#include <string>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/failure.hpp"
#include "cli/misuse.hpp"
#include "cli/standard_streams.hpp"
#include "support/counted.hpp"
#include "support/descendants.hpp"
#include "support/error.hpp"
#include "support/print.hpp"
#include "support/shortage.hpp"

namespace {

int report(const std::string& what, const std::string& cure, inferbench::ExitCode code) {
  inferbench::print_message("inferbench: error: {}\n", what);
  if (!cure.empty()) inferbench::print_message("inferbench: hint: {}\n", cure);
  return static_cast<int>(code);
}

int refuse(const CLI::App& app, const CLI::ParseError& error) {
  const inferbench::Misuse misuse = inferbench::explain_misuse(app, error);
  return report(misuse.what, misuse.hint, inferbench::ExitCode::kBadInput);
}

int run(int argc, char** argv, inferbench::CommandContext& context) {
  using inferbench::ExitCode;
  CLI::App app{"Compares LLM inference backends side by side."};
  app.name("inferbench");
  app.set_version_flag("--version", std::string("inferbench ") + INFERBENCH_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  inferbench::add_run_command(app, context);
  inferbench::add_merge_command(app, context);
  inferbench::add_slurm_command(app, context);
  inferbench::add_report_command(app, context);
  inferbench::add_compare_command(app, context);
  inferbench::add_check_command(app, context);
  inferbench::add_backends_command(app, context);
  inferbench::add_machine_command(app, context);
  inferbench::add_analyze_command(app, context);
  inferbench::add_predict_command(app, context);
  inferbench::add_generate_command(app, context);
  inferbench::add_serve_command(app, context);
  inferbench::add_endpoint_command(app, context);
  inferbench::add_logits_command(app, context);
  inferbench::add_ops_command(app, context);
  inferbench::add_perplexity_command(app, context);
  inferbench::add_conformance_command(app, context);
  inferbench::add_tokenize_command(app, context);
  inferbench::add_ipc_command(app, context);
  inferbench::add_schema_command(app, context);
  inferbench::add_new_backend_command(app, context);
  inferbench::add_completion_command(app, context);
  inferbench::add_worker_command(app, context);
  inferbench::refuse_empty_values(app);
  try {
    app.parse(argc, argv);
    inferbench::flush_results();
    return context.exit_code;
  } catch (const CLI::ParseError& error) {
    const bool good = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);  // --help, --version
    if (!good) return refuse(app, error);
    std::ostringstream text;
    app.exit(error, text, text);
    inferbench::write_result(text.str());
    inferbench::flush_results();
    return static_cast<int>(ExitCode::kDone);
  } catch (const inferbench::StdoutError&) {
    throw;
  } catch (...) {
    const inferbench::Failure failure = inferbench::explain_failure(std::current_exception());
    return report(failure.what, failure.hint, failure.code);
  }
}

// After any command: nothing that a backend started may keep running.
void warn_of_orphans() {
  inferbench::kill_orphans();
  const int killed = inferbench::orphans_killed();
  if (killed == 0) return;
  inferbench::print_message("inferbench: warning: killed {} that a backend left behind\n",
                            inferbench::counted(killed, "process"));
}

}  // namespace

int main(int argc, char** argv) {
  const inferbench::StandardStreams streams = inferbench::prepare_standard_streams();
  inferbench::raise_file_limit();
  inferbench::adopt_orphans();
  try {
    inferbench::CommandContext context;
    const int exit_code = run(argc, argv, context);
    if (context.holds_plugin) {
      std::fflush(nullptr);
      _exit(exit_code);
    }
    warn_of_orphans();
    return exit_code;
  } catch (const inferbench::StdoutError& error) {  // from any command
    if (error.reader_gone() && streams.broken_pipe_kills) inferbench::end_by_broken_pipe();
    return report(error.what(), error.cure(), inferbench::ExitCode::kBadInput);
  } catch (...) {
    const inferbench::Failure failure = inferbench::explain_failure(std::current_exception());
    return report(failure.what, failure.hint, failure.code);
  }
}
