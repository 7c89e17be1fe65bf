// SPDX-License-Identifier: Apache-2.0
#include "cli/command_tree.hpp"

#include <CLI/CLI.hpp>

namespace inferbench {
namespace {

OptionText option_text(const CLI::Option& option) {
  OptionText text;
  text.positional = option.get_positional() && !option.nonpositional();
  if (text.positional) text.names.push_back(option.get_name(true));
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) text.value = option.get_type_name();
  text.description = option.get_description();
  text.default_value = option.get_default_str();
  return text;
}

CommandText command_text(const CLI::App& app, std::vector<std::string> words) {
  CommandText text;
  text.words = std::move(words);
  text.description = app.get_description();
  text.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) text.options.push_back(option_text(*option));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;
    std::vector<std::string> below = text.words;
    below.push_back(command->get_name());
    text.commands.push_back(command_text(*command, std::move(below)));
  }
  return text;
}

}  // namespace

std::vector<std::string> OptionText::choices() const {
  std::vector<std::string> all;
  if (value.find('|') == std::string::npos || value.find(' ') != std::string::npos) return all;
  for (std::size_t begin = 0; begin <= value.size();) {
    const std::size_t end = std::min(value.find('|', begin), value.size());
    all.push_back(value.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

CommandText command_tree(const CLI::App& app) {
  return command_text(app, {app.get_name()});
}

}  // namespace inferbench
