// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/common_options.hpp"
#include "cli/install_tree.hpp"
#include "sdk/backend_project.hpp"
#include "support/print.hpp"

namespace inferbench {
namespace {

struct NewBackendArguments {
  std::string name;
  std::string language = "c++";
  std::filesystem::path into = ".";
};

std::map<std::string, BackendLanguage> languages() {
  return {{"c", BackendLanguage::kC},
          {"c++", BackendLanguage::kCpp},
          {"python", BackendLanguage::kPython},
          {"rust", BackendLanguage::kRust}};
}

// The option with which CMake finds this program's package, if it is not in a default location.
std::string find_package_hint() {
  const auto prefix = install_prefix();
  if (!prefix || *prefix == "/usr" || *prefix == "/usr/local") return "";
  return " -DCMAKE_PREFIX_PATH=" + prefix->string();
}

std::string build_and_test_lines(BackendLanguage language) {
  switch (language) {
    case BackendLanguage::kRust:
      return "  cargo build --release\n  cargo test\n";
    case BackendLanguage::kPython:
      return "  sh test.sh\n";
    default:
      return "  cmake -B build" + find_package_hint() +
             " && cmake --build build\n  ctest --test-dir build --output-on-failure\n";
  }
}

void write_backend(const NewBackendArguments& arguments) {
  const BackendLanguage language = languages().at(arguments.language);
  const std::filesystem::path folder = (arguments.into / arguments.name).lexically_normal();
  const std::vector<ProjectFile> files = backend_project(arguments.name, language);
  write_project(folder, files);
  for (const ProjectFile& file : files) print_result("{}\n", (folder / file.path).string());
  print_message("\nnext:\n  cd {}\n{}  inferbench run compare.yaml\n", folder.string(), build_and_test_lines(language));
}

}  // namespace

void add_new_backend_command(CLI::App& app, CommandContext&) {
  auto arguments = std::make_shared<NewBackendArguments>();
  CLI::App* command = app.add_subcommand(
      "new-backend", "Write a project for a new backend: a correct, slow GPT-2, its test and a comparison");
  command->add_option("name", arguments->name, "Name of the backend and its folder: [a-z][a-z0-9_]*")
      ->required()
      ->type_name("NAME");
  command->add_option("--lang", arguments->language, "Language of the project")
      ->check(CLI::IsMember(languages()).description(""))
      ->type_name("c|c++|python|rust")
      ->capture_default_str();
  command->add_option("--into", arguments->into, "Folder in which to create the project's folder")
      ->type_name("DIR")
      ->capture_default_str();
  command->footer(
      "C and C++ need CMake and the installed package (find_package(inferbench)); Rust needs only cargo; Python needs\n"
      "NumPy and the backend `python`, and no build.\n"
      "Prints the files that it wrote. A folder with files in it is not changed.");
  command->callback([arguments] { write_backend(*arguments); });
}

}  // namespace inferbench
