// SPDX-License-Identifier: Apache-2.0
// Chat formats: which template is whose, what the files of a model may look like, and what is refused. That the texts
// are those of the templates is the test chat_templates.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "support/error.hpp"
#include "support/files.hpp"
#include "support/test_paths.hpp"
#include "text/chat.hpp"
#include "text/chat_template.hpp"
#include "unit/model_test_support.hpp"

namespace inferbench {
namespace {

using model_test::TempFolder;
using model_test::write_file;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using Json = nlohmann::json;

std::string template_of(const std::string& name) {
  return read_file(std::string(test_paths::kData) + "/chat/" + name + ".jinja");
}

/// The error's message; "" if `action` throws none.
template <typename Action>
std::string chat_error(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_FALSE(error.cure().empty()) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    EXPECT_LT(std::string(error.what()).size(), 400U);
    return error.what();
  }
  return "";
}

ChatWriter writer_for(const std::string& chat_template, const std::string& bos = "<s>") {
  return ChatWriter({chat_template, "model/tokenizer_config.json", bos, "</s>"}, "01 Feb 2026");
}

TEST(ChatFormats, TemplatesAreRecognized) {
  for (const auto& [file, name] :
       std::initializer_list<std::pair<const char*, const char*>>{{"qwen2.5", "ChatML"},
                                                                  {"qwen3", "ChatML"},
                                                                  {"chatml_bos", "ChatML"},
                                                                  {"llama2", "Llama 2"},
                                                                  {"llama3", "Llama 3"},
                                                                  {"llama3_date", "Llama 3"},
                                                                  {"mistral_v1", "Mistral"},
                                                                  {"mistral_v3", "Mistral"},
                                                                  {"mistral_tekken", "Mistral"},
                                                                  {"gemma2", "Gemma"},
                                                                  {"gemma3", "Gemma"},
                                                                  {"zephyr", "Zephyr"}}) {
    const auto format = recognize_chat_format(template_of(file));
    ASSERT_TRUE(format.has_value()) << file;
    EXPECT_EQ(format->name, name) << file;
    EXPECT_THAT(chat_format_names(), testing::Contains(format->name));
  }
}

TEST(ChatFormats, OthersAreRefusedByName) {
  for (const auto& [text, name] : std::initializer_list<std::pair<const char*, const char*>>{
           {"{{ '<|user|>\n' + message['content'] + '<|end|>\n' }}{{ '<|assistant|>\n' }}", "Phi-3"},
           {"{{ '<|im_start|>user<|im_sep|>' + message['content'] + '<|im_end|>' }}", "Phi-4"},
           {"{{ '<\uff5cUser\uff5c>' + message['content'] + '<\uff5c"
            "Assistant\uff5c>' }}",
            "DeepSeek"},
           {"{{ '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + content }}", "Command R"},
           {"{{ '<|start|>user<|message|>' + content + '<|end|><|start|>assistant<|channel|>' }}", "gpt-oss"},
           {"{{ '[SYSTEM_PROMPT]' + s }}{{ '[INST]' + message['content'] + '[/INST]' }}{{message['content'] + "
            "eos_token}}",
            "Mistral 3"}}) {
    EXPECT_FALSE(recognize_chat_format(text)) << text;
    EXPECT_THAT(chat_error([&, &written = text] { writer_for(written); }),
                AllOf(HasSubstr("model/tokenizer_config.json: the chat template is that of " + std::string(name) + ","),
                      HasSubstr("ChatML"), HasSubstr("Zephyr")));
  }
  EXPECT_THAT(chat_error([] { writer_for("{{ messages }}"); }), HasSubstr("is of a format that is not supported"));
}

// The tokens of a known format aren't enough: what is done with the messages must be known, too.
TEST(ChatFormats, DescendantsThatWriteMoreAreNotTakenForTheirAncestor) {
  const auto changed = [](const std::string& file, const std::string& from, const std::string& to) {
    std::string text = template_of(file);
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << file;
    return text.replace(at, from.size(), to);
  };
  EXPECT_FALSE(recognize_chat_format(changed("chatml", "message.content", "message.content | upper")));
  EXPECT_FALSE(recognize_chat_format(changed("chatml", "<|im_end|>", "!<|im_end|>")));
  EXPECT_FALSE(recognize_chat_format(changed("llama2", "system_message = false", "system_message = 'Be kind.'")));
  EXPECT_FALSE(recognize_chat_format(changed("llama3", "| trim", "| lower")));
  EXPECT_FALSE(recognize_chat_format(changed("llama3_date", "Today Date", "Now")));
  EXPECT_FALSE(recognize_chat_format(changed("chatml_thinking", "{%- endfor %}", "{%- endfor %}{{ '</think>' }}")));
  EXPECT_FALSE(recognize_chat_format(changed("mistral_v1", "' [/INST]'", "' now [/INST]'")));
  EXPECT_FALSE(recognize_chat_format(changed("gemma2", "| trim", "| lower")));
  EXPECT_FALSE(recognize_chat_format(changed("zephyr", "'<|user|>\\n'", "'<|user|> '")));
  EXPECT_FALSE(recognize_chat_format(""));
}

TEST(ChatFormats, TheDefaultSystemMessageIsReadFromTheTemplate) {
  EXPECT_EQ(default_system_message(template_of("qwen2.5")),
            "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.");
  EXPECT_EQ(default_system_message(template_of("chatml_default_system")), "You're a \"test\".\nBe kind.");
  EXPECT_EQ(default_system_message("{% if x %}<|im_start|>system\nBe kind.<|im_end|>{% endif %}"), "Be kind.");
  EXPECT_EQ(default_system_message(template_of("qwen3")), std::nullopt);
  EXPECT_EQ(default_system_message("{{ '<|im_start|>system\n' + x + '<|im_end|>' }}"), std::nullopt);
  EXPECT_EQ(default_system_message("'<|im_start|>system\\nnever ends"), std::nullopt);
  EXPECT_EQ(default_system_message("<|im_start|>system"), std::nullopt);
}

TEST(ChatFormats, ASystemMessageWithoutAPlaceIsRefused) {
  for (const char* file : {"gemma2", "mistral_v1", "mistral_v3"}) {
    const ChatWriter writer = writer_for(template_of(file));
    EXPECT_EQ(chat_error([&] { writer.first_turn("Hi", std::nullopt); }), "") << file;
    EXPECT_THAT(chat_error([&] { writer.first_turn("Hi", "Be kind."); }), HasSubstr("no fixed place for a system"));
    EXPECT_THAT(chat_error([&] { writer.first_turn("Hi", ""); }), HasSubstr("no fixed place for a system")) << file;
  }
}

TEST(ChatFormats, TheDateIsTodaysOnlyForTemplatesThatAsk) {
  EXPECT_THAT(writer_for(template_of("llama3_date")).first_turn("Hi", {}), HasSubstr("Today Date: 01 Feb 2026\n"));
  EXPECT_THAT(writer_for(template_of("llama3_fixed_date")).first_turn("Hi", {}),
              HasSubstr("Today Date: 26 Jul 2024\n"));
  EXPECT_THAT(chat_date(), testing::MatchesRegex("[0-3][0-9] [A-Z][a-z][a-z] 2[0-9][0-9][0-9]"));
}

TEST(ChatFormats, TurnsAddUpToTheConversation) {
  const ChatWriter writer = writer_for(template_of("llama2"));
  EXPECT_EQ(writer.first_turn(" Hi ", " S "), "<s>[INST] <<SYS>>\n S \n<</SYS>>\n\n Hi [/INST]");
  EXPECT_EQ(writer.next_turn(" And? "), " </s><s>[INST] And? [/INST]");
  const std::vector<ChatMessage> messages{{ChatMessage::Role::kUser, " Hi "},
                                          {ChatMessage::Role::kAssistant, "Yes."},
                                          {ChatMessage::Role::kUser, " And? "}};
  EXPECT_EQ(writer.conversation(messages, " S "),
            writer.first_turn(" Hi ", " S ") + " Yes." + writer.next_turn(" And? "));
  // What stands in a message is no place for a token.
  EXPECT_THAT(writer.first_turn("{bos} {eos}", {}), EndsWith("[INST] {bos} {eos} [/INST]"));
}

TEST(ChatFormats, ReasoningModelsAreMadeToThinkInTheLatestTurnOnly) {
  const ChatWriter writer = writer_for(template_of("chatml_thinking"));
  EXPECT_THAT(writer.first_turn("Hi", {}), EndsWith("<|im_start|>assistant\n<think>\n"));
  EXPECT_THAT(writer.next_turn("And?"), EndsWith("<|im_start|>assistant\n<think>\n"));
  const std::string text = writer.conversation(
      {{ChatMessage::Role::kUser, "Hi"}, {ChatMessage::Role::kAssistant, "Yes."}, {ChatMessage::Role::kUser, "And?"}},
      {});
  EXPECT_THAT(text, AllOf(HasSubstr("assistant\nYes.<|im_end|>"), EndsWith("assistant\n<think>\n")));
}

// As Python's strip() does; what isn't UTF-8 stays.
TEST(ChatFormats, WhiteSpaceIsThatOfUnicode) {
  const ChatWriter writer = writer_for(template_of("gemma3"));
  const auto said = [&](const std::string& text) {
    const std::string all = writer.first_turn(text, {});
    const std::string begin = "<s><start_of_turn>user\n";
    const std::string end = "<end_of_turn>\n<start_of_turn>model\n";
    EXPECT_THAT(all, AllOf(testing::StartsWith(begin), EndsWith(end)));
    return all.substr(begin.size(), all.size() - begin.size() - end.size());
  };
  EXPECT_EQ(said("\u3000\u00a0 a b \u2028\x1c\n"), "a b");
  EXPECT_EQ(said(" \n\t"), "");
  EXPECT_EQ(said("\u200b a \xff\xa0"), "\u200b a \xff\xa0");  // a zero-width space is none
}

/// A folder with these files, and what is read from it.
class ChatFolder {
 public:
  ChatFolder& with(const std::string& name, const std::string& text) {
    write_file(folder_.path() / name, text);
    return *this;
  }
  std::optional<ChatFiles> read() const { return read_chat_files(folder_.path()); }
  std::string error() const {
    return chat_error([&] { static_cast<void>(read()); });
  }

 private:
  TempFolder folder_;
};

TEST(ChatFiles, OfAllForms) {
  EXPECT_FALSE(ChatFolder().read());
  EXPECT_FALSE(ChatFolder().with("tokenizer_config.json", R"({"bos_token": "<s>", "chat_template": null})").read());

  const auto plain = ChatFolder()
                         .with("tokenizer_config.json",
                               R"({"chat_template": "T", "bos_token": "<s>", "eos_token": {"content": "</s>"}})")
                         .read();
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->chat_template, "T");
  EXPECT_EQ(plain->bos, "<s>");
  EXPECT_EQ(plain->eos, "</s>");
  EXPECT_EQ(plain->file.filename(), "tokenizer_config.json");

  const auto named = ChatFolder()
                         .with("tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "R"},
                                {"name": "default", "template": "T"}], "bos_token": null})")
                         .read();
  ASSERT_TRUE(named.has_value());
  EXPECT_EQ(named->chat_template, "T");
  EXPECT_EQ(named->bos, "");
}

TEST(ChatFiles, ATemplateInAFileOfItsOwn) {
  const std::string config = R"({"chat_template": "T", "eos_token": "</s>"})";
  // Newer than the one in tokenizer_config.json where both are there.
  const auto jinja = ChatFolder().with("tokenizer_config.json", config).with("chat_template.jinja", "J").read();
  ASSERT_TRUE(jinja.has_value());
  EXPECT_EQ(jinja->chat_template, "J");
  EXPECT_EQ(jinja->eos, "</s>");
  EXPECT_EQ(jinja->file.filename(), "chat_template.jinja");
  EXPECT_EQ(ChatFolder().with("chat_template.jinja", "J").read()->bos, "");

  // That of a processor of images and text.
  const std::string other = R"({"chat_template": "P"})";
  EXPECT_EQ(ChatFolder().with("chat_template.json", other).read()->chat_template, "P");
  EXPECT_EQ(ChatFolder().with("tokenizer_config.json", config).with("chat_template.json", other).read()->chat_template,
            "T");
}

TEST(ChatFiles, DamagedOnesAreOneClearError) {
  const auto error = [](const std::string& text) { return ChatFolder().with("tokenizer_config.json", text).error(); };
  EXPECT_THAT(error(""), HasSubstr("tokenizer_config.json: not valid JSON"));
  EXPECT_THAT(error("{\"chat_template\": \"\xff\"}"), HasSubstr("tokenizer_config.json: not valid JSON"));
  EXPECT_THAT(error(std::string(100000, '[')), HasSubstr("tokenizer_config.json"));
  EXPECT_THAT(error("[]"), HasSubstr("tokenizer_config.json: an object was expected"));
  EXPECT_THAT(error(R"({"chat_template": 7})"), HasSubstr("chat_template is neither a text nor a list"));
  EXPECT_THAT(error(R"({"chat_template": ["a"]})"), HasSubstr("an entry of chat_template has no name"));
  EXPECT_THAT(error(R"({"chat_template": [{"name": 1, "template": "T"}]})"), HasSubstr("an entry of chat_template"));
  EXPECT_THAT(error(R"({"chat_template": [{"name": "default", "template": 1}]})"), HasSubstr("has no name or no"));
  EXPECT_THAT(error(R"({"chat_template": [{"name": "rag", "template": "T"}]})"), HasSubstr("no entry named default"));
  EXPECT_THAT(error(R"({"chat_template": "T", "bos_token": 1})"), HasSubstr("bos_token is not a token"));
  EXPECT_THAT(error(R"({"chat_template": "T", "eos_token": {"id": 1}})"), HasSubstr("eos_token is not a token"));
  EXPECT_THAT(ChatFolder().with("chat_template.json", "{").error(), HasSubstr("chat_template.json: not valid JSON"));
  EXPECT_THAT(ChatFolder().with("chat_template.json", "\"T\"").error(), HasSubstr("an object was expected"));
}

}  // namespace
}  // namespace inferbench
