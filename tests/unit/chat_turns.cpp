// SPDX-License-Identifier: Apache-2.0
// What `generate --chat` makes of conversations, for chat_templates.py. Standard input: {"folder": of a tokenizer and a
// template, "date": "26 Jul 2024", "conversations": [{"system": text or null, "messages": [texts, the user's first]}]}.
// Standard output: for each conversation {"error": text} or {"text": all of it, "ids": of `text`, "turns": the ids as a
// chat feeds them, turn by turn}.
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "support/error.hpp"
#include "text/chat.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {
namespace {

using Json = nlohmann::json;

Json turns_of(const Json& conversation, const ChatWriter& writer, const Tokenizer& tokenizer) {
  std::optional<std::string> system;
  if (!conversation.at("system").is_null()) system = conversation.at("system").get<std::string>();
  std::vector<ChatMessage> messages;
  Json turns = Json::array();
  for (const Json& message : conversation.at("messages")) {
    const auto text = message.get<std::string>();
    if (messages.empty()) {
      turns.push_back(tokenizer.encode(writer.first_turn(text, system)));
    } else if (messages.size() % 2 == 0) {
      turns.push_back(tokenizer.encode_continued(writer.next_turn(text)));
    } else {
      turns.push_back(tokenizer.encode_continued(std::string(writer.format().assistant_begin) + text));
    }
    const bool user = messages.size() % 2 == 0;
    messages.push_back({user ? ChatMessage::Role::kUser : ChatMessage::Role::kAssistant, text});
  }
  const std::string text = writer.conversation(messages, system);
  return {{"text", text}, {"ids", tokenizer.encode(text)}, {"turns", turns}};
}

Json answer(const Json& question) {
  const std::filesystem::path folder = question.at("folder").get<std::string>();
  Json answers = Json::array();
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const auto files = read_chat_files(folder);
  if (!files) throw Error("no template");
  const ChatWriter writer(*files, question.at("date").get<std::string>());
  for (const Json& conversation : question.at("conversations")) {
    try {
      answers.push_back(turns_of(conversation, writer, tokenizer));
    } catch (const Error& error) {
      answers.push_back({{"error", error.what()}});
    }
  }
  return answers;
}

}  // namespace
}  // namespace inferbench

int main() {
  try {
    const std::string input(std::istreambuf_iterator<char>(std::cin), {});
    std::cout << inferbench::answer(nlohmann::json::parse(input)).dump() << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
