// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inferbench {

/// How an instruction model expects a conversation to be written. In all texts {bos} and {eos} stand for the model's
/// tokens of these names, and {date} for today's date.
///
///   begin  [system_begin SYSTEM system_end]  user_begin USER user_end ASSISTANT assistant_end  user_begin ...
///
/// The model writes after user_end prefill.
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
  /// False: a system message has no place, or one that moves on with each turn, away from what the KV cache holds.
  bool has_system = true;
  bool always_system = false;                 ///< the system turn is written even if there is no system message
  std::optional<std::string> default_system;  ///< the system message of a conversation that has none
  std::string_view user_begin;
  std::string_view user_end;         ///< with what tells the model that it is its turn
  std::string_view prefill;          ///< what the model's answer is made to begin with, once it's asked for
  std::string_view assistant_begin;  ///< what templates write before the model's words; the model makes it itself
  std::string_view assistant_end;
  std::string_view end_token;  ///< a turn ends at it; empty: only at the model's own end tokens

  // White space at both ends of a message is dropped.
  bool trims_system = false;
  bool trims_user = false;
  bool trims_assistant = false;
  bool trims_with_system = false;  ///< from the user's first message together with the system message before it
};

/// The names of all formats, for messages.
const std::vector<std::string_view>& chat_format_names();

/// The format that a template (Jinja, as in tokenizer_config.json) writes, recognized by the expressions that write the
/// messages; nullopt if it is none of ours.
std::optional<ChatFormat> recognize_chat_format(std::string_view chat_template);

}  // namespace inferbench
