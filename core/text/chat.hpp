// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_format.hpp"
#include "text/tokenizer.hpp"

namespace inferbench {

/// What the files of an instruction model say about conversations.
struct ChatFiles {
  std::string chat_template;   ///< Jinja
  std::filesystem::path file;  ///< where it stands
  std::string bos;             ///< spelling of the token; empty: none
  std::string eos;
};

/// Reads tokenizer_config.json, and chat_template.jinja or chat_template.json where they stand beside it; of a GGUF
/// file, its metadata. nullopt if the model has no template. Throws Error for files that can't be read or are damaged.
std::optional<ChatFiles> read_chat_files(const std::filesystem::path& place);

struct ChatMessage {
  enum class Role : std::uint8_t { kUser, kAssistant };
  Role role;
  std::string text;
};

/// Writes conversations in a model's format.
class ChatWriter {
 public:
  /// `date`: for templates that ask for today's, such as "26 Jul 2024". Throws Error that names the template's format,
  /// where it is a known one, and the supported ones if the template is none of them.
  ChatWriter(const ChatFiles& files, std::string date);

  const ChatFormat& format() const { return format_; }

  /// The text up to the place where the model writes its first answer. `system` nullopt: what the template says without
  /// one; an empty one is a system message, too. Throws Error if there is one and the format has no place for it.
  std::string first_turn(std::string_view user, std::optional<std::string_view> system) const;

  /// The text between the model's answer and the place where it writes its next one.
  std::string next_turn(std::string_view user) const;

  /// A whole conversation, which begins with a user's message and alternates; the model writes after it.
  std::string conversation(const std::vector<ChatMessage>& messages, std::optional<std::string_view> system) const;

 private:
  std::string first_message(std::string_view user, std::optional<std::string_view> system) const;
  std::string next_message(std::string_view user) const;
  std::string filled(std::string_view text) const;

  ChatFormat format_;
  std::string bos_;
  std::string eos_;
  std::string date_;
};

/// The tokens that end the model's turn, ascending: its own end tokens and those that the format and the files name.
std::vector<std::int32_t> chat_end_tokens(const ChatWriter& writer, const ChatFiles& files, const Tokenizer& tokenizer,
                                          std::vector<std::int32_t> own);

/// Today's date as templates write it: "26 Jul 2024".
std::string chat_date();

}  // namespace inferbench
