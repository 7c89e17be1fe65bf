// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// How an instruction model expects a conversation to be written. In all texts {bos} and {eos} stand for the model's
/// tokens of these names, and {date} for today's date.
///
///   begin  [system_begin SYSTEM system_end]  user_begin USER user_end ASSISTANT assistant_end  user_begin ...
///
/// The model writes after user_end.
struct ChatFormat {
  enum class System : std::uint8_t {
    kOwnTurn,     ///< as above
    kInFirstTurn  ///< system_begin SYSTEM system_end stand between user_begin and the first USER
  };

  std::string_view name;   ///< for messages
  std::string_view begin;  ///< before everything
  System system = System::kOwnTurn;
  std::string_view system_begin;
  std::string_view system_end;
  bool has_system = true;      ///< false: the format has no place for a system message
  bool always_system = false;  ///< the system turn is written even if there is no system message
  std::string_view user_begin;
  std::string_view user_end;         ///< with what tells the model that it is its turn
  std::string_view assistant_begin;  ///< what templates write before the model's words; the model makes it itself
  std::string_view assistant_end;
  bool trim = false;           ///< white space around each message is dropped
  std::string_view end_token;  ///< a turn ends at it; empty: only at the model's own end tokens
};

/// The names of all formats, for messages.
std::vector<std::string> chat_format_names();

/// The format that a template (Jinja, as in tokenizer_config.json) writes, recognized by the tokens that it contains;
/// nullopt if it is none of ours.
std::optional<ChatFormat> recognize_chat_format(std::string_view chat_template);

/// The system message that the template writes if the conversation has none; empty: none.
std::string_view default_system_message(std::string_view chat_template);

}  // namespace inferbench
