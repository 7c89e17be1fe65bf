// SPDX-License-Identifier: Apache-2.0
#include "text/chat_format.hpp"

#include <fmt/format.h>

#include <array>

#include "text/chat_template.hpp"

namespace inferbench {

namespace {

/// Looks for expressions in a template that is in uniform spelling.
class TemplateText {
 public:
  explicit TemplateText(std::string_view chat_template)
      : given_(chat_template), uniform_(uniform_template(chat_template)) {}

  bool has(std::string_view part) const { return uniform_.find(part) != std::string::npos; }
  std::string_view begin() const { return has("bos_token") ? "{bos}" : ""; }
  std::string_view given() const { return given_; }

 private:
  std::string_view given_;
  std::string uniform_;
};

std::optional<ChatFormat> chatml(const TemplateText& text) {
  // One that composes its system message is a format of its own.
  if (text.has("system_message")) return std::nullopt;
  // So is one that ends the thoughts itself.
  if (text.has("{{'</think>'")) return std::nullopt;
  constexpr std::string_view kMessage = "'<|im_start|>'+message.role+'\n'+message.content";
  const std::string user(kMessage);
  // The second is Qwen 1.5's, which leaves the end of the last message open if the model is not to answer.
  if (!text.has(user + "+'<|im_end|>\n'") &&
      !text.has(user + "}}{% if (loop.last and add_generation_prompt) or not loop.last %}{{'<|im_end|>\n'}}")) {
    return std::nullopt;
  }
  ChatFormat format;
  format.name = "ChatML";
  format.begin = text.begin();
  format.system_begin = "<|im_start|>system\n";
  format.system_end = "<|im_end|>\n";
  format.user_begin = "<|im_start|>user\n";
  format.user_end = "<|im_end|>\n<|im_start|>assistant\n";
  if (text.has("'<|im_start|>assistant\n<think>\n'")) {
    format.prefill = "<think>\n";
  } else if (!text.has("'<|im_start|>assistant\n'")) {
    return std::nullopt;
  }
  format.assistant_end = "<|im_end|>\n";
  format.end_token = "<|im_end|>";
  format.default_system = default_system_message(text.given());
  return format;
}

std::optional<ChatFormat> llama3(const TemplateText& text) {
  constexpr std::string_view kMessage = "'<|start_header_id|>'+message.role+'<|end_header_id|>\n\n'+message.content";
  const std::string message(kMessage);
  const bool trims = text.has(message + "|trim+'<|eot_id|>'");
  if (!trims && !text.has(message + "+'<|eot_id|>'")) return std::nullopt;
  if (!text.has("'<|start_header_id|>assistant<|end_header_id|>\n\n'")) return std::nullopt;
  ChatFormat format;
  format.name = "Llama 3";
  format.begin = text.begin();
  format.system_begin = "<|start_header_id|>system<|end_header_id|>\n\n";
  // Llama 3.1 to 3.3.
  if (text.has("Cutting Knowledge Date")) {
    if (!text.has("'Cutting Knowledge Date: December 2023\n'") || !text.has("'Today Date: '+date_string+'\n\n'")) {
      return std::nullopt;
    }
    format.system_begin =
        "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: {date}\n\n";
    format.always_system = true;
  }
  format.system_end = "<|eot_id|>";
  format.user_begin = "<|start_header_id|>user<|end_header_id|>\n\n";
  format.user_end = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n";
  format.assistant_end = "<|eot_id|>";
  format.end_token = "<|eot_id|>";
  format.trims_system = format.trims_user = format.trims_assistant = trims;
  return format;
}

std::optional<ChatFormat> gemma(const TemplateText& text) {
  const bool third = text.has("'<start_of_turn>'+role+'\n'+(first_user_prefix if loop.first else '')") &&
                     text.has("first_user_prefix=messages[0].content+'\n\n'") && text.has("message.content|trim");
  if (!third && !text.has("'<start_of_turn>'+role+'\n'+message.content|trim+'<end_of_turn>\n'")) return std::nullopt;
  ChatFormat format;
  format.name = "Gemma";
  format.begin = text.begin();
  format.has_system = third;
  format.system = ChatFormat::System::kInFirstTurn;
  format.system_end = "\n\n";
  format.user_begin = "<start_of_turn>user\n";
  format.user_end = "<end_of_turn>\n<start_of_turn>model\n";
  format.assistant_end = "<end_of_turn>\n";
  format.end_token = "<end_of_turn>";
  format.trims_user = format.trims_assistant = true;
  return format;
}

std::optional<ChatFormat> zephyr(const TemplateText& text) {
  // Either the template's own line breaks end the turns, or strings do.
  const bool lines = text.has("{{'<|user|>\n'+message.content+eos_token}}\n") &&
                     text.has("{{'<|system|>\n'+message.content+eos_token}}\n") && text.has("{{'<|assistant|>'}}\n");
  const bool strings = text.has("{{'<|user|>\n'+message.content+eos_token+'\n'}}") &&
                       text.has("{{'<|system|>\n'+message.content+eos_token+'\n'}}") &&
                       text.has("{{'<|assistant|>\n'}}");
  if (!lines && !strings) return std::nullopt;
  ChatFormat format;
  format.name = "Zephyr";
  format.begin = text.begin();
  format.system_begin = "<|system|>\n";
  format.system_end = "{eos}\n";
  format.user_begin = "<|user|>\n";
  format.user_end = "{eos}\n<|assistant|>\n";
  format.assistant_end = "{eos}\n";
  return format;
}

std::optional<ChatFormat> llama2(const TemplateText& text) {
  if (!text.has("'<<SYS>>\n'+system_message+'\n<</SYS>>\n\n'+message.content")) return std::nullopt;
  // With a system message of its own it's one of the many descendants.
  if (!text.has("system_message=false") || text.has("system_message='")) return std::nullopt;
  const bool strips =
      text.has("bos_token+'[INST] '+content.strip()+' [/INST]'") && text.has("' '+content.strip()+' '+eos_token");
  const bool trims =
      text.has("bos_token+'[INST] '+content|trim+' [/INST]'") && text.has("' '+content|trim+' '+eos_token");
  if (!strips && !trims) return std::nullopt;
  ChatFormat format;
  format.name = "Llama 2";
  format.system = ChatFormat::System::kInFirstTurn;
  format.system_begin = "<<SYS>>\n";
  format.system_end = "\n<</SYS>>\n\n";
  format.user_begin = "{bos}[INST] ";
  format.user_end = " [/INST]";
  format.assistant_begin = " ";
  format.assistant_end = " {eos}";
  format.trims_user = format.trims_assistant = format.trims_with_system = true;
  return format;
}

/// How Mistral's templates write a user's message, and the model's: each version puts its blanks elsewhere.
struct UserForm {
  std::string_view begin;
  std::string_view end;
};
constexpr std::array<UserForm, 4> kUserForms{{
    {"[INST] ", " [/INST]"},   // 7B v0.1, v0.2 and Mixtral
    {" [INST] ", " [/INST]"},  // their later templates
    {"[INST] ", "[/INST]"},    // since 7B v0.3 [INST] is a token
    {"[INST]", "[/INST]"},     // with the tokenizer Tekken: Nemo
}};
struct AssistantForm {
  std::string_view expression;
  std::string_view begin;
  std::string_view end;
  bool trims;
};
constexpr std::array<AssistantForm, 5> kAssistantForms{{
    {"{{message.content+eos_token+' '}}", "", "{eos} ", false},
    {"{{message.content+eos_token}}", "", "{eos}", false},
    {"{{' '+message.content+eos_token}}", " ", "{eos}", false},
    {"{{' '+message.content|trim+eos_token}}", " ", "{eos}", true},
    {"{{message.content|trim+eos_token}}", "", "{eos}", true},
}};

std::optional<ChatFormat> mistral(const TemplateText& text) {
  // Descendants of Llama 2, and Mistral's since version 7, which have an own token for the system message.
  if (text.has("<<SYS>>") || text.has("[SYSTEM_PROMPT]")) return std::nullopt;
  for (const UserForm& user : kUserForms) {
    if (!text.has(fmt::format("{{{{'{}'+message.content+'{}'}}}}", user.begin, user.end))) continue;
    for (const AssistantForm& assistant : kAssistantForms) {
      if (!text.has(assistant.expression)) continue;
      ChatFormat format;
      format.name = "Mistral";
      format.begin = text.begin();
      format.system = ChatFormat::System::kInFirstTurn;
      format.system_end = "\n\n";
      format.has_system = text.has("loop.first and system_message is defined") &&
                          text.has(fmt::format("'{}'+system_message+'\n\n'+message.content", user.begin));
      format.user_begin = user.begin;
      format.user_end = user.end;
      format.assistant_begin = assistant.begin;
      format.assistant_end = assistant.end;
      format.trims_assistant = assistant.trims;
      return format;
    }
  }
  return std::nullopt;
}

}  // namespace

const std::vector<std::string_view>& chat_format_names() {
  static const std::vector<std::string_view> kNames{"ChatML", "Llama 2", "Llama 3", "Mistral", "Gemma", "Zephyr"};
  return kNames;
}

std::optional<ChatFormat> recognize_chat_format(std::string_view chat_template) {
  const TemplateText text(chat_template);
  for (const auto recognize : {chatml, llama3, gemma, zephyr, llama2, mistral}) {
    if (auto format = recognize(text)) return format;
  }
  return std::nullopt;
}

}  // namespace inferbench
