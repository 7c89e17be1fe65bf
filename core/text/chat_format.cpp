// SPDX-License-Identifier: Apache-2.0
#include "text/chat_format.hpp"

#include <algorithm>
#include <array>

namespace inferbench {

namespace {

/// A format and the parts of a template that tell it from the others.
struct KnownFormat {
  std::vector<std::string_view> has;
  std::vector<std::string_view> has_not;
  ChatFormat format;
};

ChatFormat chatml() {
  ChatFormat format;
  format.name = "ChatML";
  format.system_begin = "<|im_start|>system\n";
  format.system_end = "<|im_end|>\n";
  format.user_begin = "<|im_start|>user\n";
  format.user_end = "<|im_end|>\n<|im_start|>assistant\n";
  format.assistant_end = "<|im_end|>\n";
  format.end_token = "<|im_end|>";
  return format;
}

ChatFormat llama3() {
  ChatFormat format;
  format.name = "Llama 3";
  format.begin = "{bos}";
  format.system_begin = "<|start_header_id|>system<|end_header_id|>\n\n";
  format.system_end = "<|eot_id|>";
  format.user_begin = "<|start_header_id|>user<|end_header_id|>\n\n";
  format.user_end = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n";
  format.assistant_end = "<|eot_id|>";
  format.trim = true;
  format.end_token = "<|eot_id|>";
  return format;
}

// Llama 3.1 to 3.3.
ChatFormat llama3_with_date() {
  ChatFormat format = llama3();
  format.system_begin =
      "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday Date: {date}\n\n";
  format.always_system = true;
  return format;
}

ChatFormat gemma() {
  ChatFormat format;
  format.name = "Gemma";
  format.begin = "{bos}";
  format.system = ChatFormat::System::kInFirstTurn;
  format.system_end = "\n\n";
  format.user_begin = "<start_of_turn>user\n";
  format.user_end = "<end_of_turn>\n<start_of_turn>model\n";
  format.assistant_end = "<end_of_turn>\n";
  format.trim = true;
  format.end_token = "<end_of_turn>";
  return format;
}

// Gemma 2 and before.
ChatFormat gemma_without_system() {
  ChatFormat format = gemma();
  format.has_system = false;
  return format;
}

ChatFormat zephyr() {
  ChatFormat format;
  format.name = "Zephyr";
  format.system_begin = "<|system|>\n";
  format.system_end = "{eos}\n";
  format.user_begin = "<|user|>\n";
  format.user_end = "{eos}\n<|assistant|>\n";
  format.assistant_end = "{eos}\n";
  return format;
}

ChatFormat llama2() {
  ChatFormat format;
  format.name = "Llama 2";
  format.system = ChatFormat::System::kInFirstTurn;
  format.system_begin = "<<SYS>>\n";
  format.system_end = "\n<</SYS>>\n\n";
  format.user_begin = "{bos}[INST] ";
  format.user_end = " [/INST]";
  format.assistant_begin = " ";
  format.assistant_end = " {eos}";
  format.trim = true;
  return format;
}

// Mistral 7B Instruct v0.1; v0.2 without the space after {eos}.
ChatFormat mistral_v1() {
  ChatFormat format;
  format.name = "Mistral";
  format.begin = "{bos}";
  format.has_system = false;
  format.user_begin = "[INST] ";
  format.user_end = " [/INST]";
  format.assistant_end = "{eos} ";
  return format;
}

ChatFormat mistral_v2() {
  ChatFormat format = mistral_v1();
  format.assistant_end = "{eos}";
  return format;
}

// Since v0.3 [INST] is one token.
ChatFormat mistral_v3() {
  ChatFormat format = mistral_v2();
  format.user_end = "[/INST]";
  format.assistant_begin = " ";
  return format;
}

// With the Tekken tokenizer there are no spaces.
ChatFormat mistral_tekken() {
  ChatFormat format = mistral_v2();
  format.user_begin = "[INST]";
  format.user_end = "[/INST]";
  return format;
}

// The first that fits.
const std::vector<KnownFormat>& known_formats() {
  static const std::vector<KnownFormat> kFormats{
      {{"<|im_start|>", "<|im_end|>"}, {}, chatml()},
      {{"<|start_header_id|>", "<|eot_id|>", "Cutting Knowledge Date"}, {}, llama3_with_date()},
      {{"<|start_header_id|>", "<|eot_id|>"}, {}, llama3()},
      {{"<start_of_turn>", "<end_of_turn>", "System role not supported"}, {}, gemma_without_system()},
      {{"<start_of_turn>", "<end_of_turn>"}, {}, gemma()},
      {{"<|user|>", "<|assistant|>", "eos_token"}, {"<|end|>"}, zephyr()},
      {{"[INST]", "<<SYS>>"}, {}, llama2()},
      {{"[INST] ", " [/INST]", "eos_token + ' '"}, {}, mistral_v1()},
      {{"[INST] ", " [/INST]", "eos_token+' '"}, {}, mistral_v1()},
      {{"[INST] ", " [/INST]"}, {}, mistral_v2()},
      {{"[INST] ", "[/INST]"}, {}, mistral_v3()},
      {{"[INST]", "[/INST]"}, {}, mistral_tekken()},
  };
  return kFormats;
}

// Written by published templates of ChatML's kind for a conversation without a system message.
constexpr std::array<std::string_view, 4> kDefaultSystemMessages{
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face",
    "You are a helpful assistant.",
    "You are a helpful assistant",
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

std::vector<std::string> chat_format_names() {
  std::vector<std::string> names;
  for (const KnownFormat& known : known_formats()) {
    if (std::find(names.begin(), names.end(), known.format.name) == names.end()) names.emplace_back(known.format.name);
  }
  return names;
}

std::optional<ChatFormat> recognize_chat_format(std::string_view chat_template) {
  for (const KnownFormat& known : known_formats()) {
    const auto inside = [&](std::string_view part) { return contains(chat_template, part); };
    if (!std::all_of(known.has.begin(), known.has.end(), inside)) continue;
    if (std::any_of(known.has_not.begin(), known.has_not.end(), inside)) continue;
    return known.format;
  }
  return std::nullopt;
}

std::string_view default_system_message(std::string_view chat_template) {
  if (!contains(chat_template, "<|im_start|>")) return {};
  for (const std::string_view message : kDefaultSystemMessages) {
    if (contains(chat_template, message)) return message;
  }
  return {};
}

}  // namespace inferbench
