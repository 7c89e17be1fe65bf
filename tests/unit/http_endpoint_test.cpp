// SPDX-License-Identifier: Apache-2.0
// What servers may answer, and load runs on a simulated one.
#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/endpoint_load.hpp"
#include "http/endpoint_stream.hpp"
#include "measure/clock.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using Json = nlohmann::json;

const std::string kEvents = "text/event-stream; charset=utf-8";

Endpoint endpoint(bool stream = true, ApiKind kind = ApiKind::kCompletion) {
  Endpoint endpoint;
  endpoint.url = "http://localhost/v1";
  endpoint.model = "m";
  endpoint.stream = stream;
  endpoint.kind = kind;
  return endpoint;
}

std::string event(const Json& json) {
  return "data: " + json.dump() + "\n\n";
}

std::string text_event(const std::string& text, const Json& reason = nullptr) {
  return event({{"choices", {{{"index", 0}, {"text", text}, {"finish_reason", reason}}}}});
}

/// The outcome of an answer that comes in these pieces, one each 10 ns.
EndpointOutcome outcome_of(const Endpoint& asked, const std::vector<std::string>& pieces,
                           const std::string& type = kEvents, std::int32_t http_status = 200) {
  EndpointStream stream(asked, {1, 0, "prompt", 4, 3});
  std::uint64_t time = 0;
  for (const std::string& piece : pieces) {
    if (!stream.push(piece, http_status, type, time += 10, 0)) break;
  }
  return stream.finish(EndpointStatus::kOk, {}, http_status, type, time + 10);
}

TEST(EndpointStream, ReadsAStream) {
  const Json usage = {{"choices", Json::array()}, {"usage", {{"prompt_tokens", 5}, {"completion_tokens", 3}}}};
  EndpointOutcome outcome = outcome_of(
      endpoint(),
      {text_event("a"), text_event("b"), text_event("c") + text_event("", "length"), event(usage), "data: [DONE]\n\n"});
  EXPECT_EQ(outcome.status, EndpointStatus::kOk);
  EXPECT_EQ(outcome.text, "abc");
  EXPECT_EQ(outcome.finish_reason, "length");
  EXPECT_EQ(outcome.request.reason, FinishReason::kLength);
  EXPECT_EQ(count_tokens(outcome, 7), TokenSource::kUsage);
  EXPECT_THAT(outcome.request.tokens_ns, ElementsAre(10, 20, 30));
  EXPECT_EQ(outcome.request.end_ns, 30U);
  EXPECT_EQ(outcome.request.prompt_tokens, 5);
  EXPECT_EQ(outcome.status, EndpointStatus::kOk);
}

TEST(EndpointStream, ReadsChatsAndWholeAnswers) {
  const auto delta = [](const Json& what, const Json& reason) {
    return event({{"choices", {{{"delta", what}, {"finish_reason", reason}}}}});
  };
  const EndpointOutcome chat =
      outcome_of(endpoint(true, ApiKind::kChat), {delta({{"role", "assistant"}, {"content", ""}}, nullptr),
                                                  delta({{"reasoning_content", "hm"}}, nullptr),
                                                  delta({{"content", "hi"}}, nullptr), delta(Json::object(), "stop")});
  EXPECT_EQ(chat.text, "hmhi");
  EXPECT_THAT(chat.request.tokens_ns, ElementsAre(20, 30));
  EXPECT_EQ(chat.request.reason, FinishReason::kStop);  // without [DONE], but with a reason
  const Json whole = {{"choices", {{{"text", "abc"}, {"finish_reason", "stop"}}}}, {"usage", nullptr}};
  EndpointOutcome answer =
      outcome_of(endpoint(false), {whole.dump().substr(0, 5), whole.dump().substr(5)}, "application/json");
  EXPECT_EQ(answer.text, "abc");
  EXPECT_EQ(count_tokens(answer, 3), TokenSource::kTokenizer);
  EXPECT_THAT(answer.request.tokens_ns, ElementsAre(30, 30, 30));
}

TEST(EndpointStream, SpreadsTokensOverPieces) {
  EndpointOutcome outcome = outcome_of(endpoint(), {text_event("ab"), text_event("cd", "length"), "data: [DONE]\n\n"});
  EXPECT_EQ(count_tokens(outcome, 5), TokenSource::kTokenizer);
  EXPECT_THAT(outcome.request.tokens_ns, ElementsAre(10, 10, 10, 20, 20));
  EndpointOutcome nobody = outcome_of(endpoint(), {text_event("a"), text_event("b"), text_event("c", "length")});
  EXPECT_EQ(count_tokens(nobody, std::nullopt), TokenSource::kPieces);
  EXPECT_THAT(nobody.request.tokens_ns, SizeIs(3));
}

TEST(EndpointStream, UsageBeyondWhatWasAskedForIsNotBelieved) {
  for (const std::int64_t claimed : {std::int64_t{4}, std::int64_t{1} << 60}) {
    EndpointOutcome outcome = outcome_of(endpoint(), {text_event("a"), text_event("b"), text_event("c", "length")});
    outcome.usage = TokenUsage{std::int64_t{1} << 40, claimed};
    const std::int32_t prompt = outcome.request.prompt_tokens;
    EXPECT_EQ(count_tokens(outcome, std::nullopt), TokenSource::kPieces);
    EXPECT_THAT(outcome.request.tokens_ns, SizeIs(3));
    EXPECT_EQ(outcome.request.prompt_tokens, prompt);
  }
}

TEST(EndpointStream, AnAnswerThatIsTooShortIsNamed) {
  EndpointOutcome outcome = outcome_of(endpoint(), {text_event("a"), text_event("b", "stop"), "data: [DONE]\n\n"});
  count_tokens(outcome, std::nullopt);
  EXPECT_EQ(outcome.status, EndpointStatus::kShort);
  EXPECT_EQ(outcome.request.error, "2 of 3 wanted tokens");
  EXPECT_TRUE(outcome.request.ok());
}

TEST(EndpointStream, EachBadAnswerIsOneStatusAndOneLine) {
  struct Bad {
    std::vector<std::string> pieces;
    std::string type;
    std::int32_t http_status;
    EndpointStatus status;
    std::string says;
  };
  const std::vector<Bad> all = {
      {{"<html><body>Welcome</body></html>"}, "text/html", 200, EndpointStatus::kBroken, "HTML"},
      {{"<html>Not found</html>"}, "text/html", 404, EndpointStatus::kRefused, "HTTP status 404, an HTML page"},
      {{R"({"error": {"message": "no such\nmodel"}})"},
       "application/json",
       404,
       EndpointStatus::kRefused,
       "HTTP status 404: no such model"},
      {{R"({"error": "overloaded"})"}, "application/json", 503, EndpointStatus::kRefused, "503: overloaded"},
      {{"go away"}, "text/plain", 429, EndpointStatus::kRefused, "429: go away"},
      {{""}, "", 500, EndpointStatus::kRefused, "HTTP status 500"},
      {{R"({"error": {"message": "late"}})"}, "application/json", 200, EndpointStatus::kRefused, "late"},
      {{text_event("a"), event({{"error", {{"message", "out of memory"}}}})},
       kEvents,
       200,
       EndpointStatus::kRefused,
       "out of memory"},
      {{"data: {\"choices\": [\n\n"}, kEvents, 200, EndpointStatus::kBroken, "an event"},
      {{"data: []\n\n"}, kEvents, 200, EndpointStatus::kBroken, "not an answer of the API"},
      {{"data: {\"choices\": 1}\n\n"}, kEvents, 200, EndpointStatus::kBroken, "choices"},
      {{"data: {\"choices\": [{\"text\": 1}]}\n\n"}, kEvents, 200, EndpointStatus::kBroken, "not an answer of the API"},
      {{"data: {\"choices\": [], \"usage\": {\"completion_tokens\": 1e300}}\n\n"},
       kEvents,
       200,
       EndpointStatus::kBroken,
       "not an answer of the API"},
      {{text_event("a")}, kEvents, 200, EndpointStatus::kCut, "after 1 event with text"},
      {{text_event("a", "length"), "data: {\"cho"}, kEvents, 200, EndpointStatus::kCut, "in the middle"},
      {{}, kEvents, 200, EndpointStatus::kCut, "after 0 events"},
      {{"data: [DONE]\n\n"}, kEvents, 200, EndpointStatus::kBroken, "no text"},
      {{R"({"choices": [{"text": "whole", "finish_reason": "stop"}]})"},
       "application/json",
       200,
       EndpointStatus::kBroken,
       "not a stream"},
      {{"data: " + std::string(2'000'000, 'x')}, kEvents, 200, EndpointStatus::kBroken, "larger than"},
  };
  for (const Bad& bad : all) {
    const EndpointOutcome outcome = outcome_of(endpoint(), bad.pieces, bad.type, bad.http_status);
    EXPECT_EQ(outcome.status, bad.status) << bad.says << ": " << outcome.request.error;
    EXPECT_THAT(outcome.request.error, HasSubstr(bad.says));
    EXPECT_EQ(outcome.request.error.find('\n'), std::string::npos);
    EXPECT_EQ(outcome.request.reason, FinishReason::kFailed);
  }
}

TEST(EndpointBody, AsksForWhatIsMeasured) {
  const Json body = Json::parse(endpoint_body(endpoint(), {1, 0, "text \xFF", 2, 9}));
  EXPECT_EQ(body["model"], "m");
  EXPECT_EQ(body["prompt"], "text \uFFFD");
  EXPECT_EQ(body["max_tokens"], 9);
  EXPECT_EQ(body["temperature"], 0);
  EXPECT_EQ(body["ignore_eos"], true);
  EXPECT_EQ(body["stream_options"]["include_usage"], true);
  const Json chat = Json::parse(endpoint_body(endpoint(false, ApiKind::kChat), {1, 0, "hi", 2, 9}));
  EXPECT_EQ(chat["messages"][0]["content"], "hi");
  EXPECT_FALSE(chat.contains("stream_options"));
}

/// Ends each request a fixed time after it was sent.
class FixedTimeClient final : public RequestClient {
 public:
  explicit FixedTimeClient(std::uint64_t duration_ns) : duration_ns_(duration_ns) {}

  void submit(const EndpointRequest& request) override {
    EndpointOutcome outcome;
    outcome.request.id = request.id;
    outcome.request.arrival_ns = request.arrival_ns;
    outcome.request.submit_ns = now_ns();
    outcome.request.end_ns = outcome.request.submit_ns + duration_ns_;
    open_.push_back(outcome);
    most_open_ = std::max(most_open_, open_.size());
  }
  std::vector<EndpointOutcome> poll(std::chrono::milliseconds timeout) override {
    if (!open_.empty()) {
      const std::uint64_t now = now_ns();
      const std::uint64_t first = open_.front().request.end_ns;
      const auto until_end = std::chrono::nanoseconds(first > now ? first - now : 0);
      std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(timeout, until_end));
    } else {
      std::this_thread::sleep_for(timeout);
    }
    std::vector<EndpointOutcome> ended;
    while (!open_.empty() && open_.front().request.end_ns <= now_ns()) {
      ended.push_back(open_.front());
      open_.erase(open_.begin());
    }
    return ended;
  }
  std::size_t most_open() const { return most_open_; }

 private:
  std::uint64_t duration_ns_;
  std::size_t most_open_ = 0;
  std::vector<EndpointOutcome> open_;
};

EndpointPlan plan_of(std::size_t n, std::uint64_t gap_ns) {
  EndpointPlan plan;
  plan.requests.resize(n);
  for (std::size_t i = 0; i < n; ++i) plan.requests[i].arrival_ns = i * gap_ns;
  return plan;
}

TEST(EndpointLoad, AClosedLoopKeepsItsUsersBusy) {
  FixedTimeClient client(3'000'000);
  EndpointPlan plan = plan_of(12, 0);
  plan.concurrency = 4;
  const EndpointResult result = run_endpoint_load(std::move(plan), client);
  EXPECT_EQ(client.most_open(), 4U);
  ASSERT_THAT(result.outcomes, SizeIs(12));
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(result.outcomes[i].request.id, i);
  EXPECT_GE(result.outcomes[11].request.arrival_ns, result.outcomes[0].request.end_ns);
}

TEST(EndpointLoad, AnOpenArrivalCountsFromItsIntendedTime) {
  FixedTimeClient client(20'000'000);
  EndpointPlan plan = plan_of(6, 2'000'000);
  plan.max_open = 2;  // so that later ones are sent too late
  const EndpointResult result = run_endpoint_load(std::move(plan), client);
  EXPECT_EQ(client.most_open(), 2U);
  ASSERT_THAT(result.outcomes, SizeIs(6));
  const std::uint64_t start = result.outcomes[0].request.arrival_ns;
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(result.outcomes[i].request.arrival_ns - start, i * 2'000'000);
  EXPECT_GE(result.outcomes[5].request.submit_ns - start, 40'000'000U);
}

TEST(EndpointLoad, StopsWhenAsked) {
  FixedTimeClient client(1'000'000'000'000);
  EndpointPlan plan = plan_of(3, 0);
  int asked = 0;
  plan.should_stop = [&] { return ++asked > 1; };
  const EndpointResult result = run_endpoint_load(std::move(plan), client);
  EXPECT_TRUE(result.stopped);
  ASSERT_THAT(result.outcomes, SizeIs(3));
  for (const auto& outcome : result.outcomes) EXPECT_EQ(outcome.request.reason, FinishReason::kCancelled);
}

}  // namespace
}  // namespace inferbench
