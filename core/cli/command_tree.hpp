// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace inferbench {

/// An option, a flag or a positional argument, as --help shows it.
struct OptionText {
  std::vector<std::string> names;  ///< such as "-h", "--help"; of a positional its one name
  std::string value;               ///< name of its value, such as "DIR" or "c|c++|rust"; empty for a flag
  std::string description;
  std::string default_value;
  bool positional = false;

  bool is_flag() const { return value.empty() && !positional; }
  /// The values that it accepts, where its value names them all ("a|b"); else none.
  std::vector<std::string> choices() const;
};

/// A command with what belongs to it. Hidden commands and options are left out.
struct CommandText {
  std::vector<std::string> words;  ///< such as "inferbench", "run"
  std::string description;
  std::string footer;
  std::vector<OptionText> options;
  std::vector<CommandText> commands;

  const std::string& name() const { return words.back(); }
};

/// Man pages and completions are made of this, so that they say what --help says.
CommandText command_tree(const CLI::App& app);

/// The pages of the command and, behind it, of all below: first the page's name ("inferbench-run"), then roff.
struct ManPage {
  std::string name;
  std::string text;
};
std::vector<ManPage> man_pages(const CommandText& program, const std::string& version);

// Completion scripts of the whole program.
std::string bash_completion(const CommandText& program);
std::string zsh_completion(const CommandText& program);
std::string fish_completion(const CommandText& program);

}  // namespace inferbench
