// SPDX-License-Identifier: Apache-2.0
// Bodies of requests to the API.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>

#include "http/api_error.hpp"
#include "http/api_request.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Json = nlohmann::json;

ApiRequest completion(const Json& more) {
  Json body = {{"model", "m"}, {"prompt", "p"}};
  if (!more.is_null()) body.update(more);
  return parse_api_request(ApiKind::kCompletion, body.dump());
}

ApiRequest chat(const Json& more) {
  Json body = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "hi"}}}}};
  if (!more.is_null()) body.update(more);
  return parse_api_request(ApiKind::kChat, body.dump());
}

/// The parameter that the error names.
template <typename Parse>
std::string refused_param(const Parse& parse, const Json& more) {
  try {
    parse(more);
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 400);
    return error.param();
  }
  return "accepted: " + more.dump();
}

TEST(ApiRequest, DefaultsAreOpenAis) {
  const ApiRequest request = completion({});
  EXPECT_EQ(request.prompt, "p");
  EXPECT_EQ(request.max_tokens, std::nullopt);
  EXPECT_EQ(request.sampling.temperature, 1);
  EXPECT_EQ(request.sampling.top_p, 1);
  EXPECT_FALSE(request.has_seed || request.stream || request.stream_usage || request.ignore_end);
  EXPECT_EQ(request.logprobs, std::nullopt);
}

TEST(ApiRequest, ReadsEveryParameter) {
  const ApiRequest request = completion({{"max_tokens", 7},
                                         {"temperature", 0},
                                         {"top_p", 0.5},
                                         {"top_k", -1},
                                         {"seed", -1},
                                         {"stop", {"a", "b"}},
                                         {"logprobs", 3},
                                         {"ignore_eos", true},
                                         {"stream", true},
                                         {"stream_options", {{"include_usage", true}}}});
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_TRUE(request.sampling.greedy());
  EXPECT_EQ(request.sampling.top_p, 0.5);
  EXPECT_EQ(request.sampling.top_k, 0);
  EXPECT_TRUE(request.has_seed);
  EXPECT_EQ(request.sampling.seed, 0xFFFFFFFFFFFFFFFF);
  EXPECT_THAT(request.stop, ElementsAre("a", "b"));
  EXPECT_EQ(request.logprobs, 3);
  EXPECT_TRUE(request.ignore_end && request.stream && request.stream_usage);
}

TEST(ApiRequest, AcceptsEveryFormOfAPrompt) {
  EXPECT_EQ(completion({{"prompt", {"one"}}}).prompt, "one");
  EXPECT_THAT(completion({{"prompt", {1, 2}}}).prompt_ids, ElementsAre(1, 2));
  EXPECT_THAT(completion({{"prompt", Json::array({Json::array({3})})}}).prompt_ids, ElementsAre(3));
  EXPECT_EQ(completion({{"prompt", ""}}).prompt, "");
  for (const Json& bad : {Json(1), Json(nullptr), Json::array(), Json({"a", "b"}), Json({1, "a"}), Json::array({1.5}),
                          Json::array({Json::array({1}), Json::array({2})}), Json::array({Json::array()})}) {
    EXPECT_EQ(refused_param(completion, {{"prompt", bad}}), "prompt") << bad;
  }
}

TEST(ApiRequest, ReadsChats) {
  using Role = ApiMessage::Role;
  const ApiRequest request =
      chat({{"messages",
             {{{"role", "system"}, {"content", "s"}},
              {{"role", "user"}, {"content", {{{"type", "text"}, {"text", "a"}}, {{"type", "text"}, {"text", "b"}}}}},
              {{"role", "assistant"}, {"content", "c"}},
              {{"role", "user"}, {"content", "d"}}}},
            {"logprobs", true},
            {"top_logprobs", 20},
            {"max_tokens", 3},
            {"max_completion_tokens", 5}});
  EXPECT_THAT(request.messages, ElementsAre(ApiMessage{Role::kSystem, "s"}, ApiMessage{Role::kUser, "ab"},
                                            ApiMessage{Role::kAssistant, "c"}, ApiMessage{Role::kUser, "d"}));
  EXPECT_EQ(request.logprobs, 20);
  EXPECT_EQ(request.max_tokens, 5);
  EXPECT_EQ(chat({{"logprobs", true}}).logprobs, 0);
  EXPECT_EQ(chat({{"logprobs", false}}).logprobs, std::nullopt);
}

TEST(ApiRequest, RefusesChatsThatTemplatesCannotWrite) {
  const Json user = {{"role", "user"}, {"content", "u"}};
  const Json assistant = {{"role", "assistant"}, {"content", "a"}};
  const Json system = {{"role", "system"}, {"content", "s"}};
  const Json image = {{"role", "user"}, {"content", {{{"type", "image_url"}, {"image_url", "x"}}}}};
  const Json tool = {{"role", "tool"}, {"content", "x"}};
  const Json calls = {{"role", "user"}, {"content", "x"}, {"tool_calls", Json::array({1})}};
  for (const Json& bad : {Json::array(), Json::array({system}), Json::array({assistant}), Json::array({user, user}),
                          Json::array({user, assistant}), Json::array({user, assistant, system, user}),
                          Json::array({image}), Json::array({tool}), Json::array({calls}), Json::array({1}),
                          Json::array({Json{{"role", "user"}}}), Json("x")}) {
    EXPECT_EQ(refused_param(chat, {{"messages", bad}}), "messages") << bad;
  }
}

TEST(ApiRequest, RefusesBadValues) {
  const std::vector<std::pair<std::string, Json>> bad = {
      {"model", 1},
      {"max_tokens", 0},
      {"max_tokens", 1.5},
      {"max_tokens", 1e300},
      {"max_tokens", "1"},
      {"temperature", -0.1},
      {"temperature", 2.1},
      {"temperature", "x"},
      {"top_p", 0},
      {"top_p", 1.1},
      {"top_k", -2},
      {"seed", 1.5},
      {"seed", 1e30},
      {"stop", ""},
      {"stop", 1},
      {"stop", {"a", "b", "c", "d", "e"}},
      {"stop", {"a", 1}},
      {"logprobs", 6},
      {"logprobs", -1},
      {"logprobs", true},
      {"stream", 1},
      {"stream_options", 1},
      {"ignore_eos", "yes"},
      {"stop", std::string(1025, 'x')},
      {"stream_options", {{"include_usage", true}}},  // without stream
  };
  for (const auto& [key, value] : bad) EXPECT_EQ(refused_param(completion, {{key, value}}), key) << value;
  EXPECT_EQ(refused_param(chat, {{"logprobs", true}, {"top_logprobs", 21}}), "top_logprobs");
  EXPECT_EQ(refused_param(chat, {{"top_logprobs", 1}}), "top_logprobs");
  EXPECT_EQ(refused_param(completion, {{"stream", true}, {"stream_options", {{"x", 1}}}}), "stream_options");
}

TEST(ApiRequest, RefusesWhatWouldChangeTheAnswer) {
  const Json neutral = {{"n", 1},
                        {"best_of", 1},
                        {"echo", false},
                        {"suffix", ""},
                        {"frequency_penalty", 0.0},
                        {"presence_penalty", 0},
                        {"repetition_penalty", 1.0},
                        {"logit_bias", Json::object()},
                        {"tools", Json::array()},
                        {"response_format", {{"type", "text"}}},
                        {"user", "somebody"},
                        {"max_tokens", nullptr},
                        {"something", nullptr}};
  EXPECT_NO_THROW(completion(neutral));
  const Json changing = {{"n", 2},
                         {"best_of", 2},
                         {"echo", true},
                         {"suffix", "x"},
                         {"frequency_penalty", 0.1},
                         {"presence_penalty", "0"},
                         {"repetition_penalty", 1.1},
                         {"logit_bias", {{"1", 2}}},
                         {"tools", {1}},
                         {"response_format", {{"type", "json_object"}}},
                         {"something", 1},
                         {"messages", {1}}};
  for (const auto& [key, value] : changing.items()) EXPECT_EQ(refused_param(completion, {{key, value}}), key);
  EXPECT_EQ(refused_param(chat, {{"prompt", "x"}}), "prompt");
  EXPECT_EQ(refused_param(completion, {{"max_completion_tokens", 1}}), "max_completion_tokens");
}

TEST(ApiRequest, RefusesWhatIsNoJsonObject) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  for (const std::string& body : {std::string(), std::string("{"), std::string("[]"), std::string("1"), deep,
                                  std::string(R"({"prompt": "a", "prompt": "b"})"),
                                  std::string("{\"prompt\":\"\xFF\"}"), std::string(kMaxBodyBytes + 1, ' ')}) {
    EXPECT_THROW(parse_api_request(ApiKind::kCompletion, body), ApiError) << body.substr(0, 40);
  }
}

}  // namespace
}  // namespace inferbench
