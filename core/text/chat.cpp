// SPDX-License-Identifier: Apache-2.0
#include "text/chat.hpp"

#include <fmt/format.h>

#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <system_error>

#include "model/guarded_json.hpp"
#include "model/in_quotes.hpp"
#include "support/error.hpp"
#include "text/tokenizer_file.hpp"

namespace inferbench {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::size_t kMaxBytes = std::size_t{4} << 20U;
constexpr const char* kTakeAgain = "take the file again from where the model came from";
// What Llama 3.1's template writes where nobody tells it the date.
constexpr std::string_view kFixedDate = "26 Jul 2024";

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Json read_json(const fs::path& path) {
  return parse_guarded_json(read_tokenizer_file(path, kTakeAgain), path.string(), kMaxBytes);
}

// A token is a string, or an object with its spelling as "content".
std::string token_text(const Json& config, const char* key) {
  const auto found = config.find(key);
  if (found == config.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (found->is_object() && found->contains("content") && found->at("content").is_string()) {
    return found->at("content").get<std::string>();
  }
  return {};
}

// A template is a string, or a list of named ones.
std::string template_text(const Json& config) {
  const auto found = config.find("chat_template");
  if (found == config.end()) return {};
  if (found->is_string()) return found->get<std::string>();
  if (!found->is_array()) return {};
  for (const Json& entry : *found) {
    if (entry.is_object() && entry.value("name", "") == "default") return entry.value("template", "");
  }
  return {};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\v\f";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

}  // namespace

std::optional<ChatFiles> read_chat_files(const fs::path& folder) {
  ChatFiles files;
  const fs::path config = folder / "tokenizer_config.json";
  if (is_there(config)) {
    const Json json = read_json(config);
    if (!json.is_object()) throw Error(config.string() + ": an object was expected", kTakeAgain);
    files = {template_text(json), config, token_text(json, "bos_token"), token_text(json, "eos_token")};
  }
  if (const fs::path path = folder / "chat_template.jinja"; is_there(path)) {
    files.chat_template = read_tokenizer_file(path, kTakeAgain);
    files.file = path;
  } else if (const fs::path other = folder / "chat_template.json"; files.chat_template.empty() && is_there(other)) {
    const Json json = read_json(other);
    files.chat_template = json.is_object() ? template_text(json) : "";
    files.file = other;
  }
  if (files.chat_template.empty()) return std::nullopt;
  return files;
}

ChatWriter::ChatWriter(const ChatFiles& files, std::string date)
    : bos_(files.bos),
      eos_(files.eos),
      date_(files.chat_template.find("strftime_now") == std::string::npos ? std::string(kFixedDate) : std::move(date)),
      default_system_(default_system_message(files.chat_template)) {
  const auto format = recognize_chat_format(files.chat_template);
  if (!format) {
    throw Error(fmt::format("{}: the chat template is none of these formats: {}", files.file.string(),
                            fmt::join(chat_format_names(), ", ")),
                "talk without a format by --raw");
  }
  format_ = *format;
}

std::string ChatWriter::first_turn(std::string_view user, std::string_view system) const {
  if (!system.empty() && !format_.has_system) {
    throw Error(fmt::format("the {} format of this model has no system message", format_.name),
                "leave --system out, and say it in your first message");
  }
  if (system.empty()) system = default_system_;
  std::string system_part;
  if (!system.empty() || format_.always_system) {
    system_part = filled(format_.system_begin);
    system_part += message(system);
    system_part += filled(format_.system_end);
  }
  const bool own_turn = format_.system == ChatFormat::System::kOwnTurn;
  std::string text = filled(format_.begin);
  if (own_turn) text += system_part;
  text += filled(format_.user_begin);
  if (!own_turn) text += system_part;
  text += message(user);
  return text + filled(format_.user_end);
}

std::string ChatWriter::next_turn(std::string_view user) const {
  std::string text = filled(format_.assistant_end) + filled(format_.user_begin);
  text += message(user);
  return text + filled(format_.user_end);
}

std::string ChatWriter::conversation(const std::vector<ChatMessage>& messages, std::string_view system) const {
  std::string text;
  bool first = true;
  for (const ChatMessage& one : messages) {
    if (one.role == ChatMessage::Role::kAssistant) {
      text += filled(format_.assistant_begin);
      text += message(one.text);
    } else {
      text += first ? first_turn(one.text, system) : next_turn(one.text);
      first = false;
    }
  }
  return text;
}

std::string ChatWriter::filled(std::string_view text) const {
  std::string result(text);
  const auto replace = [&result](std::string_view name, const std::string& value) {
    for (auto at = result.find(name); at != std::string::npos; at = result.find(name, at + value.size())) {
      result.replace(at, name.size(), value);
    }
  };
  replace("{bos}", bos_);
  replace("{eos}", eos_);
  replace("{date}", date_);
  return result;
}

std::string_view ChatWriter::message(std::string_view text) const {
  return format_.trim ? trimmed(text) : text;
}

std::string chat_date() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{:02} {} {}", local.tm_mday, kMonths.at(static_cast<std::size_t>(local.tm_mon)),
                     1900 + local.tm_year);
}

}  // namespace inferbench
