// SPDX-License-Identifier: Apache-2.0
#include "text/chat.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <nlohmann/json.hpp>
#include <system_error>

#include "model/gguf/gguf_file.hpp"
#include "model/guarded_json.hpp"
#include "support/error.hpp"
#include "text/chat_template.hpp"
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

[[noreturn]] void throw_damaged(const fs::path& file, const std::string& what) {
  throw Error(fmt::format("{}: {}", file.string(), what), kTakeAgain);
}

/// The value of `key` if it's there and isn't null.
const Json* value_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// A token is a string, or an object with its spelling as "content".
std::string token_text(const Json& config, const char* key, const fs::path& file) {
  const Json* token = value_of(config, key);
  if (token == nullptr) return {};
  if (token->is_object()) token = value_of(*token, "content");
  if (token == nullptr || !token->is_string()) throw_damaged(file, fmt::format("{} is not a token", key));
  return token->get<std::string>();
}

// A template is a string, or a list of named ones. The others of a list are for tools and documents.
std::string template_text(const Json& config, const fs::path& file) {
  const Json* written = value_of(config, "chat_template");
  if (written == nullptr) return {};
  if (written->is_string()) return written->get<std::string>();
  if (!written->is_array()) throw_damaged(file, "chat_template is neither a text nor a list of named ones");
  for (const Json& entry : *written) {
    const Json* name = entry.is_object() ? value_of(entry, "name") : nullptr;
    const Json* text = entry.is_object() ? value_of(entry, "template") : nullptr;
    if (name == nullptr || text == nullptr || !name->is_string() || !text->is_string()) {
      throw_damaged(file, "an entry of chat_template has no name or no template");
    }
    if (*name == "default") return text->get<std::string>();
  }
  throw_damaged(file, "chat_template has no entry named default");
}

Json read_object(const fs::path& path) {
  Json json = parse_guarded_json(read_tokenizer_file(path, kTakeAgain), path.string(), kMaxBytes);
  if (!json.is_object()) throw_damaged(path, "an object was expected");
  return json;
}

// As Python's strip() does, with which templates trim. Bytes, since a message may be anything.
constexpr std::array<std::string_view, 29> kWhiteSpace{
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\x1c",   "\x1d",   "\x1e",   "\x1f",
    "\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006",
    "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

std::string_view trimmed(std::string_view text) {
  const auto drop = [](auto is_at, auto remove) {
    const auto found = std::find_if(kWhiteSpace.begin(), kWhiteSpace.end(), is_at);
    if (found == kWhiteSpace.end()) return false;
    remove(found->size());
    return true;
  };
  while (drop([&](std::string_view space) { return text.starts_with(space); },
              [&](std::size_t n) { text.remove_prefix(n); })) {
  }
  while (drop([&](std::string_view space) { return text.ends_with(space); },
              [&](std::size_t n) { text.remove_suffix(n); })) {
  }
  return text;
}

std::string_view trimmed_if(bool trims, std::string_view text) {
  return trims ? trimmed(text) : text;
}

// The spelling of the token whose id is under `key`; empty if there is none.
std::string gguf_token_text(const GgufFile& file, const std::vector<std::string_view>& tokens, const char* key) {
  const auto id = file.integer(key);
  if (!id || *id < 0 || static_cast<std::uint64_t>(*id) >= tokens.size()) return {};
  return std::string(tokens[static_cast<std::size_t>(*id)]);
}

std::optional<ChatFiles> read_gguf_chat(const fs::path& path) {
  const GgufFile file = GgufFile::open(path);
  const auto chat_template = file.text("tokenizer.chat_template");
  if (!chat_template || chat_template->empty()) return std::nullopt;
  const GgufValue* list = file.find("tokenizer.ggml.tokens");
  const auto tokens = list == nullptr ? std::vector<std::string_view>() : list->texts();
  return ChatFiles{*chat_template, path, gguf_token_text(file, tokens, "tokenizer.ggml.bos_token_id"),
                   gguf_token_text(file, tokens, "tokenizer.ggml.eos_token_id")};
}

}  // namespace

std::optional<ChatFiles> read_chat_files(const fs::path& place) {
  std::error_code ignored;
  if (fs::is_regular_file(place, ignored)) return read_gguf_chat(place);
  ChatFiles files;
  if (const fs::path path = place / "tokenizer_config.json"; is_there(path)) {
    const Json config = read_object(path);
    files = {template_text(config, path), path, token_text(config, "bos_token", path),
             token_text(config, "eos_token", path)};
  }
  if (const fs::path path = place / "chat_template.jinja"; is_there(path)) {
    files.chat_template = read_tokenizer_file(path, kTakeAgain);
    files.file = path;
  } else if (const fs::path other = place / "chat_template.json"; files.chat_template.empty() && is_there(other)) {
    files.chat_template = template_text(read_object(other), other);
    files.file = other;
  }
  if (files.chat_template.empty()) return std::nullopt;
  return files;
}

ChatWriter::ChatWriter(const ChatFiles& files, std::string date)
    : bos_(files.bos),
      eos_(files.eos),
      date_(files.chat_template.find("strftime_now") == std::string::npos ? std::string(kFixedDate) : std::move(date)) {
  auto format = recognize_chat_format(files.chat_template);
  if (!format) {
    const std::string_view name = unsupported_chat_format(files.chat_template);
    throw Error(fmt::format("{}: the chat template is {}, not one of {}", files.file.string(),
                            name.empty() ? "of a format that is not supported" : fmt::format("that of {}", name),
                            fmt::join(chat_format_names(), ", ")),
                "talk without a format by --raw");
  }
  format_ = *std::move(format);
}

std::string ChatWriter::first_turn(std::string_view user, std::optional<std::string_view> system) const {
  return first_message(user, system).append(format_.prefill);
}

std::string ChatWriter::next_turn(std::string_view user) const {
  return next_message(user).append(format_.prefill);
}

std::string ChatWriter::first_message(std::string_view user, std::optional<std::string_view> system) const {
  if (system && !format_.has_system) {
    throw Error(fmt::format("the {} format of this model has no fixed place for a system message", format_.name),
                "leave --system out, and say it in your first message");
  }
  if (!system && format_.default_system) system = *format_.default_system;
  std::string system_part;
  if (system || format_.always_system) {
    system_part = filled(format_.system_begin);
    system_part += trimmed_if(format_.trims_system, system.value_or(""));
    system_part += filled(format_.system_end);
  }
  std::string text = filled(format_.begin);
  if (format_.system == ChatFormat::System::kOwnTurn) {
    text += system_part;
    system_part.clear();
  }
  text += filled(format_.user_begin);
  if (format_.trims_with_system) {
    text += trimmed_if(format_.trims_user, system_part.append(user));
  } else {
    text += system_part;
    text += trimmed_if(format_.trims_user, user);
  }
  return text + filled(format_.user_end);
}

std::string ChatWriter::next_message(std::string_view user) const {
  std::string text = filled(format_.assistant_end) + filled(format_.user_begin);
  text += trimmed_if(format_.trims_user, user);
  return text + filled(format_.user_end);
}

std::string ChatWriter::conversation(const std::vector<ChatMessage>& messages,
                                     std::optional<std::string_view> system) const {
  std::string text;
  bool first = true;
  for (const ChatMessage& one : messages) {
    if (one.role == ChatMessage::Role::kAssistant) {
      text += filled(format_.assistant_begin);
      text += trimmed_if(format_.trims_assistant, one.text);
    } else {
      text += first ? first_message(one.text, system) : next_message(one.text);
      first = false;
    }
  }
  return text.append(format_.prefill);
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

std::vector<std::int32_t> chat_end_tokens(const ChatWriter& writer, const ChatFiles& files, const Tokenizer& tokenizer,
                                          std::vector<std::int32_t> own) {
  for (const std::string_view spelled : {writer.format().end_token, std::string_view(files.eos)}) {
    const auto id = tokenizer.find_token(spelled);
    if (!spelled.empty() && id) own.push_back(*id);
  }
  std::sort(own.begin(), own.end());
  return own;
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
