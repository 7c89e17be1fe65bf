// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace inferbench {

/// An option, a flag or a positional argument, as shown by --help.
struct OptionText {
  std::vector<std::string> names;  ///< such as "-h", "--help"; a positional has one name
  std::string value;               ///< such as "DIR" or "c|c++|rust"; empty for a flag
  std::string description;
  std::string default_value;
  bool positional = false;

  bool is_flag() const { return value.empty() && !positional; }
  /// The accepted values, if the value's name lists them all ("a|b"); otherwise empty.
  std::vector<std::string> choices() const;
};

/// A command with its options and subcommands. Hidden commands and options are left out.
struct CommandText {
  std::vector<std::string> words;  ///< such as "inferbench", "run"
  std::string description;
  std::string footer;
  std::vector<OptionText> options;
  std::vector<CommandText> commands;

  const std::string& name() const { return words.back(); }
};

/// The source of man pages and completions, so that they agree with --help.
CommandText command_tree(const CLI::App& app);

/// The man pages of the command and all its subcommands: the page's name ("inferbench-run") and its roff text.
struct ManPage {
  std::string name;
  std::string text;
};
std::vector<ManPage> man_pages(const CommandText& program, const std::string& version);

// Completion scripts for the entire program.
std::string bash_completion(const CommandText& program);
std::string zsh_completion(const CommandText& program);
std::string fish_completion(const CommandText& program);

}  // namespace inferbench
