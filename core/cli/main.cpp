// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

#include "cli/commands.hpp"
#include "cli/misuse.hpp"
#include "support/error.hpp"

namespace {

int report(const std::string& what, const std::string& cure, inferbench::ExitCode code) {
  fmt::print(stderr, "inferbench: error: {}\n", what);
  if (!cure.empty()) fmt::print(stderr, "inferbench: hint: {}\n", cure);
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
  inferbench::add_report_command(app, context);
  inferbench::add_compare_command(app, context);
  inferbench::add_check_command(app, context);
  inferbench::add_backends_command(app, context);
  inferbench::add_machine_command(app, context);
  inferbench::add_analyze_command(app, context);
  inferbench::add_predict_command(app, context);
  inferbench::add_generate_command(app, context);
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
  try {
    app.parse(argc, argv);
    return context.exit_code;
  } catch (const CLI::ParseError& error) {
    const bool good = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);  // --help, --version
    if (good) return app.exit(error);
    return refuse(app, error);
  } catch (const inferbench::Error& error) {
    return report(error.what(), error.cure(), error.exit_code());
  } catch (const std::bad_alloc&) {
    return report("out of memory", "use a smaller model, batch or context", ExitCode::kBadInput);
  } catch (const std::exception& error) {
    return report(error.what(), "", ExitCode::kBadInput);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    inferbench::CommandContext context;
    const int exit_code = run(argc, argv, context);
    if (context.holds_plugin) {
      std::fflush(nullptr);
      _exit(exit_code);
    }
    return exit_code;
  } catch (...) {
    std::fputs("inferbench: error: unexpected failure\n", stderr);
    return static_cast<int>(inferbench::ExitCode::kBadInput);
  }
}
