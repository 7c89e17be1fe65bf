// SPDX-License-Identifier: Apache-2.0
// Prompts for servers, their lists of models, and messages that quote the API key.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "http/endpoint.hpp"
#include "http/prompt_text.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::int32_t> ids_from(std::int32_t first, std::size_t n) {
  std::vector<std::int32_t> ids(n);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

TEST(PromptTexts, HaveAWordForEachIdWithoutATokenizer) {
  const std::string text = PromptTexts(nullptr).text_of(ids_from(7, 9));
  EXPECT_EQ(std::count(text.begin(), text.end(), ' '), 8);
}

// Shakespeare's small vocabulary has several tokens for most of the words.
TEST(PromptTexts, HaveAsManyTokensAsIds) {
  const Tokenizer tokenizer = Tokenizer::load(std::string(test_paths::kData) + "/shakespeare");
  const PromptTexts texts(&tokenizer);
  for (const std::size_t n : {1U, 2U, 3U, 17U, 64U, 200U}) {
    for (std::int32_t first = 0; first < 50; first += 10) {
      EXPECT_EQ(tokenizer.encode(texts.text_of(ids_from(first, n))).size(), n) << first;
    }
  }
}

// In tokens: a prompt cache keeps whole tokens.
std::ptrdiff_t shared_tokens(const Tokenizer& tokenizer, const std::string& a, const std::string& b) {
  const auto x = tokenizer.encode(a);
  const auto y = tokenizer.encode(b);
  return std::mismatch(x.begin(), x.end(), y.begin(), y.end()).first - x.begin();
}

TEST(PromptTexts, ShareWhatTheIdsShare) {
  const Tokenizer tokenizer = Tokenizer::load(std::string(test_paths::kData) + "/shakespeare");
  const PromptTexts texts(&tokenizer);
  for (std::int32_t first = 0; first < 100; ++first) {
    auto ids = ids_from(first, 80);
    const std::string one = texts.text_of(ids);
    for (std::size_t i = 40; i < ids.size(); ++i) ids[i] += 500;
    const std::ptrdiff_t shared = shared_tokens(tokenizer, one, texts.text_of(ids));
    EXPECT_GE(shared, 35);
    EXPECT_LE(shared, 50);
    EXPECT_LE(shared_tokens(tokenizer, one, texts.text_of(ids_from(first + 1, 80))), 12);
  }
}

TEST(EndpointBody, SendsIdsInPlaceOfAText) {
  EndpointRequest request;
  request.prompt = "not sent";
  request.prompt_ids = {5, 0, 9};
  const auto body = nlohmann::json::parse(endpoint_body({"http://h/v1", "m", {}}, request));
  EXPECT_THAT(body.at("prompt").get<std::vector<int>>(), ElementsAre(5, 0, 9));
}

std::string list_problem(const std::string& json) {
  try {
    parse_model_list(json);
  } catch (const EndpointError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ModelList, IsReadOrRefused) {
  EXPECT_THAT(parse_model_list(R"({"object": "list", "data": [{"id": "a", "owned_by": "x"}, {"id": "b"}]})"),
              ElementsAre("a", "b"));
  EXPECT_THAT(list_problem(R"({"error": {"message": "no"}})"), HasSubstr("the server says: no"));
  EXPECT_THAT(list_problem(R"({"data": [{"name": "a"}]})"), HasSubstr("not a list of models"));
  EXPECT_THAT(list_problem("[1"), HasSubstr("the answer"));
}

TEST(ApiKey, IsHiddenWhereverAServerQuotesIt) {
  const Endpoint endpoint{"http://h/v1", "m", "sk-1"};
  std::string text = "sk-1 is not sk-2, nor sk-1sk-1";
  hide_api_key(endpoint, text);
  EXPECT_EQ(text, "(API key) is not sk-2, nor (API key)(API key)");
  hide_api_key({"http://h/v1", "m", ""}, text);
  EXPECT_EQ(text, "(API key) is not sk-2, nor (API key)(API key)");
}

}  // namespace
}  // namespace inferbench
