// SPDX-License-Identifier: Apache-2.0
// Completion scripts for bash, zsh and fish. They complete commands, options and the values of options with a fixed set
// of values; everything else completes as files.
#include <fmt/format.h>

#include <string_view>

#include "cli/command_tree.hpp"

namespace inferbench {
namespace {

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  for (;;) {
    const auto at = text.find(what);
    result.append(text.substr(0, at));
    if (at == std::string_view::npos) return result;
    result.append(by);
    text.remove_prefix(at + what.size());
  }
}

/// Quotes text for bash and zsh.
std::string quoted(const std::string& text) {
  return fmt::format("'{}'", replaced(text, "'", "'\\''"));
}

/// Quotes text for fish, where a backslash is special inside single quotes.
std::string fish_quoted(const std::string& text) {
  return fmt::format("'{}'", replaced(replaced(text, "\\", "\\\\"), "'", "\\'"));
}

/// The words that may follow a command's name: its subcommands and options, and, except for the program itself, those
/// of its subcommands.
void add_words(const CommandText& command, std::vector<std::string>& words) {
  for (const CommandText& below : command.commands) {
    words.push_back(below.name());
    if (command.words.size() > 1) add_words(below, words);
  }
  for (const OptionText& option : command.options) {
    if (!option.positional) words.insert(words.end(), option.names.begin(), option.names.end());
  }
}

/// All options with a value, of a command and its subcommands.
void add_valued(const CommandText& command, std::vector<const OptionText*>& options) {
  for (const OptionText& option : command.options) {
    if (!option.positional && !option.is_flag()) options.push_back(&option);
  }
  for (const CommandText& below : command.commands) add_valued(below, options);
}

std::string bash_command(const CommandText& command) {
  std::string values;
  std::vector<const OptionText*> valued;
  add_valued(command, valued);
  for (const OptionText* option : valued) {
    values += fmt::format("        {}) values={} ;;\n", fmt::join(option->names, "|"),
                          quoted(fmt::format("{}", fmt::join(option->choices(), " "))));
  }
  std::vector<std::string> words;
  add_words(command, words);
  return fmt::format(
      "    {})\n      words={}\n      case $previous in\n{}        *) takes_value= ;;\n      esac\n      ;;\n",
      command.name(), quoted(fmt::format("{}", fmt::join(words, " "))), values);
}

// ---- zsh ----

std::string zsh_specification(const OptionText& option) {
  const std::string what = replaced(replaced(replaced(option.description, "\\", "\\\\"), "[", "\\["), "]", "\\]");
  const auto choices = option.choices();
  const std::string values = choices.empty() ? "_files" : fmt::format("({})", fmt::join(choices, " "));
  const std::string value = option.is_flag() ? "" : fmt::format(":{}:{}", replaced(option.value, ":", "\\:"), values);
  std::string text;
  for (const std::string& name : option.names) {
    text += fmt::format(" \\\n        {}", quoted(fmt::format("*{}[{}]{}", name, what, value)));
  }
  return text;
}

void add_zsh_options(const CommandText& command, std::string& text) {
  for (const OptionText& option : command.options) {
    if (!option.positional) text += zsh_specification(option);
  }
  for (const CommandText& below : command.commands) add_zsh_options(below, text);
}

// ---- fish ----

void add_fish_options(const CommandText& command, const std::string& condition, std::string& text) {
  for (const OptionText& option : command.options) {
    if (option.positional) continue;
    text += fmt::format("complete -c inferbench -n {}", fish_quoted(condition));
    for (const std::string& name : option.names) {
      text += name.starts_with("--") ? fmt::format(" -l {}", name.substr(2)) : fmt::format(" -s {}", name.substr(1));
    }
    const auto choices = option.choices();
    if (!option.is_flag()) text += choices.empty() ? " -r" : fmt::format(" -xa '{}'", fmt::join(choices, " "));
    text += fmt::format(" -d {}\n", fish_quoted(option.description));
  }
  for (const CommandText& below : command.commands) add_fish_options(below, condition, text);
}

}  // namespace

std::string bash_completion(const CommandText& program) {
  std::string names;
  std::string cases;
  for (const CommandText& command : program.commands) {
    names += (names.empty() ? "" : "|") + command.name();
    cases += bash_command(command);
  }
  std::vector<std::string> words;
  add_words(program, words);
  return fmt::format(
      R"(# bash completion for inferbench; written by `inferbench completion bash`
_inferbench() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
  local command='' words={} values='' takes_value=yes i
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${{COMP_WORDS[i]}} in
      {}) command=${{COMP_WORDS[i]}} && break ;;
    esac
  done
  case $command in
    '') takes_value= ;;
{}  esac
  if [[ -n $values ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$current")
  elif [[ -z $takes_value && ($current == -* || -z $command) ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <([[ -z $takes_value ]] && compgen -W "$words" -- "$current"; compgen -f -- "$current")
  fi
}}
complete -F _inferbench inferbench
)",
      quoted(fmt::format("{}", fmt::join(words, " "))), names, cases);
}

std::string zsh_completion(const CommandText& program) {
  std::string commands;
  std::string cases;
  for (const CommandText& command : program.commands) {
    commands += fmt::format("    {}\n", quoted(command.name() + ":" + command.description));
    std::string names;
    for (const CommandText& below : command.commands) names += (names.empty() ? "" : " ") + below.name();
    const std::string first = names.empty() ? "" : fmt::format(" \\\n        '1:command:({})'", names);
    std::string options;
    add_zsh_options(command, options);
    cases += fmt::format("    {})\n      _arguments{}{} \\\n        '*:file:_files'\n      ;;\n", command.name(),
                         options, first);
  }
  return fmt::format(
      R"(#compdef inferbench
# zsh completion for inferbench; written by `inferbench completion zsh`
_inferbench() {{
  local -a commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  shift words
  (( CURRENT -= 1 ))
  case $words[1] in
{}  esac
}}
_inferbench "$@"
)",
      commands, cases);
}

std::string fish_completion(const CommandText& program) {
  std::string text = "# fish completion for inferbench; written by `inferbench completion fish`\n";
  for (const CommandText& command : program.commands) {
    text += fmt::format("complete -c inferbench -f -n __fish_use_subcommand -a {} -d {}\n", command.name(),
                        fish_quoted(command.description));
    const std::string condition = "__fish_seen_subcommand_from " + command.name();
    for (const CommandText& below : command.commands) {
      text += fmt::format("complete -c inferbench -n {} -a {} -d {}\n", fish_quoted(condition), below.name(),
                          fish_quoted(below.description));
    }
    add_fish_options(command, condition, text);
  }
  return text;
}

}  // namespace inferbench
