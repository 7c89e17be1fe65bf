// SPDX-License-Identifier: Apache-2.0
// Texts generated from the program's own commands: completions, and the man pages that the build installs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "cli/command_tree.hpp"
#include "cli/commands.hpp"
#include "support/output_file.hpp"
#include "support/print.hpp"

namespace inferbench {
namespace {

void print_completion(const std::string& shell, const CommandText& program) {
  print_result("{}", shell == "bash"  ? bash_completion(program)
                     : shell == "zsh" ? zsh_completion(program)
                                      : fish_completion(program));
}

void write_pages(const std::filesystem::path& folder, const CommandText& program) {
  for (const ManPage& page : man_pages(program, INFERBENCH_VERSION)) {
    const std::filesystem::path path = folder / (page.name + ".1");
    write_file(path, page.text);
  }
}

}  // namespace

void add_completion_command(CLI::App& app, CommandContext&) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("completion", "Print the completion script of a shell");
  command->add_option("shell", *shell, "The shell")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""))
      ->type_name("bash|zsh|fish");
  command->footer("The package installs the scripts. Otherwise, for bash: source <(inferbench completion bash)");
  command->callback([shell, &app] { print_completion(*shell, command_tree(app)); });

  // Not for users: the build calls it.
  auto folder = std::make_shared<std::filesystem::path>();
  CLI::App* pages = app.add_subcommand("man-pages", "Write the manual pages into a folder")->group("");
  pages->add_option("folder", *folder, "Where")->required()->type_name("DIR");
  pages->callback([folder, &app] { write_pages(*folder, command_tree(app)); });
}

}  // namespace inferbench
