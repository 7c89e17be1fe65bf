// SPDX-License-Identifier: Apache-2.0
// Man pages, with the man(7) macros.
#include <fmt/format.h>

#include "cli/command_tree.hpp"

namespace inferbench {
namespace {

/// Escapes text for roff: no control lines, real minus signs; line breaks are kept if `lines` is true.
std::string roff(const std::string& text, bool lines = false) {
  std::string result;
  bool at_begin = true;
  for (const char c : text) {
    if (at_begin && (c == '.' || c == '\'')) result += "\\&";
    at_begin = false;
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else if (c == '\n') {
      result += lines ? "\n.br\n" : "\n";
      at_begin = true;
    } else {
      result += c;
    }
  }
  return result;
}

std::string page_name(const CommandText& command) {
  return fmt::format("{}", fmt::join(command.words, "-"));
}

std::string synopsis(const CommandText& command) {
  std::string text = fmt::format(".B {}\n", roff(fmt::format("{}", fmt::join(command.words, " "))));
  if (!command.commands.empty()) return text + ".I COMMAND\n[\\fIOPTION\\fR ...]\n";
  for (const OptionText& option : command.options) {
    if (option.positional) text += fmt::format("\\fI{}\\fR\n", roff(option.value));
  }
  return text + "[\\fIOPTION\\fR ...]\n";
}

std::string option_entry(const OptionText& option) {
  std::string head;
  for (const std::string& name : option.names) {
    if (!option.positional) head += fmt::format("{}\\fB{}\\fR", head.empty() ? "" : ", ", roff(name));
  }
  if (!option.value.empty()) head += fmt::format("{}\\fI{}\\fR", head.empty() ? "" : " ", roff(option.value));
  std::string text = fmt::format(".TP\n{}\n{}", head, roff(option.description));
  if (!option.default_value.empty()) text += fmt::format(" (default: {})", roff(option.default_value));
  return text + "\n";
}

std::string page(const CommandText& command, const std::string& version) {
  std::string upper = page_name(command);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string text = fmt::format(".TH {} 1 \"\" \"inferbench {}\" \"User Commands\"\n", roff(upper), version);
  text += fmt::format(".SH NAME\n{} \\- {}\n", roff(page_name(command)), roff(command.description));
  text += fmt::format(".SH SYNOPSIS\n{}", synopsis(command));
  if (!command.footer.empty()) text += fmt::format(".SH DESCRIPTION\n{}\n", roff(command.footer, true));
  if (!command.commands.empty()) text += ".SH COMMANDS\n";
  for (const CommandText& below : command.commands) {
    text += fmt::format(".TP\n.BR {} (1)\n{}\n", roff(page_name(below)), roff(below.description));
  }
  text += ".SH OPTIONS\n";
  for (const OptionText& option : command.options) text += option_entry(option);
  if (command.words.size() > 1) {
    CommandText above;
    above.words.assign(command.words.begin(), command.words.end() - 1);
    text += fmt::format(".SH SEE ALSO\n.BR {} (1)\n", roff(page_name(above)));
  }
  return text;
}

constexpr const char* kProgramSections =
    ".SH EXIT STATUS\n"
    ".TP\n0\ndone\n.TP\n1\na check failed\n.TP\n2\nwrong use or input\n.TP\n3\nsome trials failed\n"
    ".SH ENVIRONMENT\n"
    ".TP\n.B INFERBENCH_PLUGIN_PATH\n"
    "Folders with backends, separated by colons; searched after \\-\\-plugin\\-dir and before the installed ones.\n";

void add_pages(const CommandText& command, const std::string& version, std::vector<ManPage>& pages) {
  pages.push_back({page_name(command), page(command, version)});
  if (command.words.size() == 1) pages.back().text += kProgramSections;
  for (const CommandText& below : command.commands) add_pages(below, version, pages);
}

}  // namespace

std::vector<ManPage> man_pages(const CommandText& program, const std::string& version) {
  std::vector<ManPage> pages;
  add_pages(program, version, pages);
  return pages;
}

}  // namespace inferbench
