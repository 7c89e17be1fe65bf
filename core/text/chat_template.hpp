// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inferbench {

/// A chat template (Jinja) in one spelling, to look for expressions in it: strings in single quotes with their line
/// breaks written out and joined where they were added, message.content for message['content'], and no blanks around
/// operators and inside {{ }}.
std::string uniform_template(std::string_view chat_template);

/// The system message that a template of ChatML's kind writes if the conversation has none; nullopt: it writes none.
std::optional<std::string> default_system_message(std::string_view chat_template);

/// Whose template it is if it belongs to a known format that isn't supported, such as "Phi-3"; empty: nobody's.
std::string_view unsupported_chat_format(std::string_view chat_template);

}  // namespace inferbench
