// SPDX-License-Identifier: Apache-2.0
#include "text/chat_template.hpp"

#include <array>
#include <utility>

namespace inferbench {

namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string result;
  result.reserve(text.size());
  std::size_t done = 0;
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, done)) {
    result.append(text, done, at - done);
    result += to;
    done = at + from.size();
  }
  result.append(text, done);
  text = std::move(result);
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kUniform{{
    {"\\n", "\n"},
    {"\"", "'"},
    {"message['content']", "message.content"},
    {"message['role']", "message.role"},
    {"messages[0]['content']", "messages[0].content"},
    {"messages[0]['role']", "messages[0].role"},
    {"  +", " +"},
    {"+  ", "+ "},
    {" +", "+"},
    {"+ ", "+"},
    {"'+'", ""},
    {" | trim", "|trim"},
    {"| trim", "|trim"},
    {"{{-", "{{"},
    {"{{ ", "{{"},
    {" }}", "}}"},
    {" = ", "="},
}};

/// What a string of a template says from `text` on up to `end`; nullopt if the string ends before it. `quote`: of the
/// string; '{' outside of strings.
std::optional<std::string> literal_until(std::string_view text, std::string_view end, char quote) {
  std::string said;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(end)) return said;
    if (text[i] == quote) return std::nullopt;
    if (text[i] == '\\' && quote != '{' && i + 1 < text.size()) {
      ++i;
      said += text[i] == 'n' ? '\n' : text[i];
    } else {
      said += text[i];
    }
  }
  return std::nullopt;
}

// What is only in the templates of one format. The first that is found names it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kUnsupported{{
    {"<|im_sep|>", "Phi-4"},
    {"<|channel|>", "gpt-oss"},
    {"<|end|>", "Phi-3"},
    {"<\xEF\xBD\x9CUser\xEF\xBD\x9C>", "DeepSeek"},  // full-width bars
    {"<\xEF\xBD\x9C"
     "Assistant\xEF\xBD\x9C>",
     "DeepSeek"},
    {"<|EOT|>", "DeepSeek Coder"},
    {"<|START_OF_TURN_TOKEN|>", "Command R"},
    {"<|start_of_role|>", "Granite"},
    {"<|im_user|>", "Kimi"},
    {"GPT4 Correct", "OpenChat"},
    {"[gMASK]", "ChatGLM"},
    {"<|observation|>", "ChatGLM"},
    {"[SYSTEM_PROMPT]", "Mistral 3"},
    {"<|turn>", "Gemma 4"},
    {"## Custom Instructions", "SmolLM3"},
    {"### Instruction:", "Alpaca"},
    {"USER: ", "Vicuna"},
}};

}  // namespace

std::string uniform_template(std::string_view chat_template) {
  std::string text(chat_template);
  for (const auto& [from, to] : kUniform) replace_all(text, from, to);
  return text;
}

std::optional<std::string> default_system_message(std::string_view chat_template) {
  constexpr std::string_view kBegin = "<|im_start|>system";
  for (auto at = chat_template.find(kBegin); at != std::string_view::npos; at = chat_template.find(kBegin, at + 1)) {
    std::string_view rest = chat_template.substr(at + kBegin.size());
    if (rest.starts_with("\\n")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("\n")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    const char before = at == 0 ? '\0' : chat_template[at - 1];
    const bool in_string = before == '\'' || before == '"';
    if (auto said = literal_until(rest, "<|im_end|>", in_string ? before : '{'); said && !said->empty()) return said;
  }
  return std::nullopt;
}

std::string_view unsupported_chat_format(std::string_view chat_template) {
  for (const auto& [mark, name] : kUnsupported) {
    if (chat_template.find(mark) == std::string_view::npos) continue;
    // Others end their messages like Phi-3.
    if (name == "Phi-3" && chat_template.find("<|assistant|>") == std::string_view::npos) continue;
    return name;
  }
  return {};
}

}  // namespace inferbench
