// SPDX-License-Identifier: Apache-2.0
#include "cli/misuse.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "support/one_line.hpp"
#include "support/suggest.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kShownLength = 80;  // of an unexpected word

// The selected command, such as `predict ask`, and its words, each after a space.
struct NamedCommand {
  const CLI::App* app;
  std::string words;
};

NamedCommand named_command(const CLI::App& app) {
  NamedCommand named{&app, ""};
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = named.app->get_subcommands()) {
    named.app = chosen.front();
    named.words += " " + named.app->get_name();
  }
  return named;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) names.push_back(command->get_name());  // a hidden command has no group
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// The first word of the command line that the parser could not use; empty: none.
std::string unexpected_word(const CLI::App& app, const CLI::App& named, bool option) {
  for (const CLI::App* at : {&named, &app}) {
    for (const std::string& word : at->remaining()) {
      if (word.starts_with("-") == option && word != "--") return word;
    }
  }
  return {};
}

}  // namespace

Misuse explain_misuse(const CLI::App& app, const CLI::ParseError& error) {
  const NamedCommand named = named_command(app);
  const std::string help = "inferbench" + named.words + " --help";
  const std::string prefix = named.words.empty() ? "" : named.words.substr(1) + ": ";
  const bool wants_command = named.app->get_require_subcommand_min() > 0 && named.app->get_subcommands().empty();
  if (const std::string word = unexpected_word(app, *named.app, false); wants_command && !word.empty()) {
    return {fmt::format("{}unknown command '{}'", prefix, one_line(word, kShownLength)),
            fmt::format("{}; {} describes them", suggestion(word, "commands", command_names(*named.app)), help)};
  }
  if (wants_command) {
    return {prefix + "no command is given", help + (named.words.empty() ? " lists the commands" : "")};
  }
  const std::string word = unexpected_word(app, *named.app, true);
  // The exit code identifies the kind of error, since an ExtrasError is named after the command.
  if (!word.empty() && error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    const std::string guess = nearest(word.substr(0, word.find('=')), option_names(*named.app));
    return {fmt::format("{}unknown option '{}'", prefix, one_line(word, kShownLength)),
            guess.empty() ? help : fmt::format("did you mean {}? {} lists the options", guess, help)};
  }
  return {prefix + one_line(error.what()), help};
}

}  // namespace inferbench
