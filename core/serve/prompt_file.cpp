// SPDX-License-Identifier: Apache-2.0
#include "serve/prompt_file.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

using PromptJson = nlohmann::json;

constexpr const char* kPromptHint =
    "give a text with a prompt on each line, or a .json file with a list of conversations as ShareGPT has them";

// Depths of the containers that matter.
constexpr int kList = 1;
constexpr int kConversation = 2;
constexpr int kTurn = 4;  // in the list of turns

/// Collects the first two turns of each conversation. Such files are large, so they are read as a stream, and only as
/// far as needed.
class ConversationReader final : public nlohmann::json_sax<PromptJson> {
 public:
  explicit ConversationReader(std::size_t limit) : limit_(limit) {}

  std::vector<PromptText>& found() { return found_; }
  const std::string& problem() const { return problem_; }

  bool start_array(std::size_t) override {
    if (depth_ == 0) list_ = true;
    if (depth_ == kConversation && list_ && turns_next_) in_turns_ = true;
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    if (depth_ == kConversation) in_turns_ = false;
    return true;
  }
  bool start_object(std::size_t) override {
    if (depth_ == 0) return fail("it is not a list of conversations");
    ++depth_;
    if (depth_ == kConversation) turns_.clear();
    if (depth_ == kTurn && in_turns_) turns_.emplace_back();
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ != kList || !list_ || turns_.size() < 2) return true;
    if (!turns_[0].empty() && !turns_[1].empty()) found_.push_back({std::move(turns_[0]), std::move(turns_[1])});
    return found_.size() < limit_;
  }
  bool key(std::string& name) override {
    if (depth_ == kConversation) turns_next_ = name == "conversations" || name == "messages";
    if (depth_ == kTurn) text_next_ = name == "value" || name == "content";
    return true;
  }
  bool string(std::string& text) override {
    if (depth_ == kTurn && in_turns_ && text_next_) turns_.back() = std::move(text);
    return true;
  }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(std::int64_t) override { return true; }
  bool number_unsigned(std::uint64_t) override { return true; }
  bool number_float(double, const std::string&) override { return true; }
  bool binary(PromptJson::binary_t&) override { return true; }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    return fail(error.what());
  }

 private:
  bool fail(std::string what) {
    problem_ = std::move(what);
    return false;
  }

  std::size_t limit_;
  std::vector<PromptText> found_;
  std::vector<std::string> turns_;  ///< of the present conversation
  std::string problem_;
  int depth_ = 0;  ///< open containers
  bool list_ = false;
  bool turns_next_ = false;
  bool in_turns_ = false;
  bool text_next_ = false;
};

std::vector<PromptText> read_conversations(std::ifstream& file, const std::string& name, std::size_t limit) {
  ConversationReader reader(limit);
  PromptJson::sax_parse(file, &reader);
  if (!reader.problem().empty()) {
    throw Error(fmt::format("{}: {}", name, one_line(reader.problem(), 200)), kPromptHint);
  }
  return std::move(reader.found());
}

std::vector<PromptText> read_lines(std::ifstream& file, std::size_t limit) {
  std::vector<PromptText> found;
  for (std::string line; found.size() < limit && std::getline(file, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) found.push_back({std::move(line), {}});
  }
  return found;
}

}  // namespace

std::vector<PromptText> read_prompt_file(const std::filesystem::path& path, std::size_t limit) {
  const std::string name = path.string();
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) throw Error("cannot read the prompts " + name, "check the path");
  std::vector<PromptText> found =
      path.extension() == ".json" ? read_conversations(file, name, limit) : read_lines(file, limit);
  if (found.empty()) throw Error(name + " has no prompt", kPromptHint);
  return found;
}

}  // namespace inferbench
