// SPDX-License-Identifier: Apache-2.0
// The API on a scheduler with a toy engine, without sockets and processes.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/api_service.hpp"
#include "http/generation_worker.hpp"
#include "http/sse_parser.hpp"
#include "measure/clock.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Json = nlohmann::json;

/// Answers each token with the next higher id, whatever came before.
class NextIdEngine final : public Engine {
 public:
  explicit NextIdEngine(std::int32_t vocab) : vocab_(vocab) {}

  void forward(std::span<const ib_sequence> sequences, std::span<std::int32_t> ids, std::span<float> logits) override {
    if (fails_) throw std::runtime_error("the toy engine failed");
    std::size_t id = 0;
    std::size_t row = 0;
    for (const ib_sequence& one : sequences) {
      const std::int32_t next = (one.tokens[one.n_tokens - 1] + 1) % vocab_;
      if (one.output == IB_OUTPUT_GREEDY) ids[id++] = next;
      if (one.output != IB_OUTPUT_LAST_LOGITS) continue;
      const auto out = logits.subspan(row++ * static_cast<std::size_t>(vocab_), static_cast<std::size_t>(vocab_));
      std::fill(out.begin(), out.end(), 0.0F);
      if (!flat_) out[static_cast<std::size_t>(next)] = 100;
    }
  }
  void truncate(std::int32_t /*slot*/, std::int32_t /*n_past*/) override {}
  std::int32_t vocab() const override { return vocab_; }
  void fail() { fails_ = true; }
  void make_all_equally_likely() { flat_ = true; }

 private:
  std::int32_t vocab_;
  bool fails_ = false;
  bool flat_ = false;
};

/// Runs a step when it is told to.
class StepGenerator final : public Generator {
 public:
  StepGenerator(const SchedulerOptions& options, Engine& engine) : worker_(options, engine) {}

  void submit(GenerationRequest request) override { orders_.submit.push_back(std::move(request)); }
  void cancel(RequestId id) override { orders_.cancel.push_back(id); }
  std::vector<GenerationEvent> step() { return decode_events(worker_.step(encode_orders(std::exchange(orders_, {})))); }

 private:
  GenerationWorker worker_;
  GenerationOrders orders_;
};

/// Keeps what was sent.
struct Recorder final : HttpResponder {
  struct Sent {
    HttpAnswer answer;
    std::string events;
    bool stream = false;
    bool over = false;
  };
  std::map<ExchangeId, Sent> sent;

  void answer(ExchangeId id, HttpAnswer answer) override {
    sent[id].answer = std::move(answer);
    sent[id].over = true;
  }
  void begin_events(ExchangeId id) override { sent[id].stream = true; }
  void write(ExchangeId id, std::string_view bytes) override {
    EXPECT_TRUE(sent[id].stream);
    sent[id].events.append(bytes);
  }
  void end(ExchangeId id) override { sent[id].over = true; }
};

class ApiServiceTest : public testing::Test {
 protected:
  static constexpr std::int32_t kContext = 64;

  ApiServiceTest() {
    options_.slots = 2;
    options_.queue = 1;
    scheduler_.max_batch = 2;
    scheduler_.token_budget = 16;
    scheduler_.max_tokens = kContext;
    start();
  }

  void start() {
    service_.reset();
    generator_ = std::make_unique<StepGenerator>(scheduler_, engine_);
    service_ = std::make_unique<ApiService>(served_, options_, *generator_, recorder_);
  }

  ExchangeId send(const std::string& method, const std::string& path, const std::string& body = "",
                  const std::string& authorization = "", const std::string& type = "application/json") {
    const ExchangeId id = ++last_;
    service_->handle({id, method, path, type, authorization, body});
    return id;
  }
  ExchangeId complete(Json more) {
    Json body = {{"model", "bard"}, {"prompt", Json::array({10})}, {"temperature", 0}};
    body.update(more);
    return send("POST", "/v1/completions", body.dump());
  }
  void run() {
    for (int i = 0; i < 200; ++i) service_->take(generator_->step());
  }
  Recorder::Sent& sent(ExchangeId id) { return recorder_.sent[id]; }
  Json body(ExchangeId id) { return Json::parse(sent(id).answer.body); }
  /// The streamed objects; the last event must be [DONE].
  std::vector<Json> chunks(ExchangeId id) {
    SseParser parser;
    parser.push(sent(id).events);
    std::vector<Json> read;
    bool done = false;
    while (const auto event = parser.next()) {
      EXPECT_FALSE(done);
      done = event->data == kSseDone;
      if (!done) read.push_back(Json::parse(event->data));
    }
    EXPECT_TRUE(done);
    return read;
  }
  std::string text_of(std::vector<std::int32_t> ids) { return served_.tokenizer().decode(ids); }

  Model model_ = Model::open(std::string(test_paths::kData) + "/shakespeare");
  ServedModel served_{model_, "bard", kContext};
  NextIdEngine engine_{model_.config().vocab_size};
  SchedulerOptions scheduler_;
  ServiceOptions options_;
  Recorder recorder_;
  std::unique_ptr<StepGenerator> generator_;
  std::unique_ptr<ApiService> service_;
  ExchangeId last_ = 0;
};

TEST_F(ApiServiceTest, CompletesAsAWhole) {
  const ExchangeId id = complete({{"max_tokens", 3}});
  EXPECT_EQ(service_->open(), 1U);
  EXPECT_FALSE(sent(id).over);
  run();
  EXPECT_EQ(sent(id).answer.status, 200);
  const Json answer = body(id);
  EXPECT_EQ(answer["object"], "text_completion");
  EXPECT_EQ(answer["model"], "bard");
  EXPECT_EQ(answer["choices"][0]["text"], text_of({11, 12, 13}));
  EXPECT_EQ(answer["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(answer["choices"][0]["logprobs"], nullptr);
  EXPECT_EQ(answer["usage"], (Json{{"prompt_tokens", 1}, {"completion_tokens", 3}, {"total_tokens", 4}}));
  EXPECT_EQ(service_->open(), 0U);
}

TEST_F(ApiServiceTest, AStreamHasTheSameTextAsTheWhole) {
  const ExchangeId whole = complete({{"max_tokens", 20}, {"prompt", "To be"}});
  const ExchangeId stream = complete(
      {{"max_tokens", 20}, {"prompt", "To be"}, {"stream", true}, {"stream_options", {{"include_usage", true}}}});
  run();
  std::string text;
  const std::vector<Json> pieces = chunks(stream);
  ASSERT_GT(pieces.size(), 3U);
  for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
    text += pieces[i]["choices"][0]["text"].get<std::string>();
    EXPECT_EQ(pieces[i]["usage"], nullptr);
    const Json expected = i + 2 == pieces.size() ? Json("length") : Json(nullptr);
    EXPECT_EQ(pieces[i]["choices"][0]["finish_reason"], expected);
  }
  EXPECT_EQ(text, body(whole)["choices"][0]["text"].get<std::string>());
  EXPECT_EQ(pieces.back()["choices"], Json::array());
  EXPECT_EQ(pieces.back()["usage"], body(whole)["usage"]);
}

TEST_F(ApiServiceTest, StopsBeforeAStopTextAndFreesTheSlot) {
  const std::string stop = text_of({14});
  const ExchangeId id = complete({{"max_tokens", 60}, {"stop", stop}});
  run();
  const std::string all = text_of({11, 12, 13, 14});
  EXPECT_EQ(body(id)["choices"][0]["text"], all.substr(0, all.find(stop)));
  EXPECT_EQ(body(id)["choices"][0]["finish_reason"], "stop");
  EXPECT_LT(body(id)["usage"]["completion_tokens"], 60);
  EXPECT_THAT(sent(send("GET", "/metrics")).answer.body, HasSubstr("inferbench_requests_running 0\n"));
}

TEST_F(ApiServiceTest, TheTokenThatEndsATextIsNoPartOfIt) {
  const std::int32_t end = model_.config().end_tokens.front();
  const ExchangeId stopped = complete({{"prompt", Json::array({end - 2})}, {"max_tokens", 5}});
  const ExchangeId ignored = complete({{"prompt", Json::array({end - 2})}, {"max_tokens", 3}, {"ignore_eos", true}});
  run();
  EXPECT_EQ(body(stopped)["choices"][0]["text"], text_of({end - 1}));
  EXPECT_EQ(body(stopped)["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(body(stopped)["usage"]["completion_tokens"], 2);
  EXPECT_EQ(body(ignored)["usage"]["completion_tokens"], 3);
  EXPECT_EQ(body(ignored)["choices"][0]["finish_reason"], "length");
}

TEST_F(ApiServiceTest, ReportsLogProbabilities) {
  const ExchangeId id = complete({{"max_tokens", 2}, {"logprobs", 2}});
  run();
  const Json logprobs = body(id)["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"], Json::array({text_of({11}), text_of({12})}));
  const double all_others = model_.config().vocab_size - 1;
  const double expected = -std::log1p(all_others * std::exp(-100.0));
  EXPECT_NEAR(logprobs["token_logprobs"][0].get<double>(), expected, 1e-12);
  EXPECT_THAT(logprobs["top_logprobs"][0], SizeIs(2));
  EXPECT_NEAR(logprobs["top_logprobs"][0][text_of({11})].get<double>(), expected, 1e-12);
  EXPECT_EQ(logprobs["text_offset"][0], 0);
}

TEST_F(ApiServiceTest, TheSeedDecidesWhatIsSampled) {
  engine_.make_all_equally_likely();
  const auto sample = [&](Json seed) {
    Json more = {{"max_tokens", 8}, {"temperature", 1}};
    if (!seed.is_null()) more["seed"] = seed;
    const ExchangeId id = complete(more);
    run();
    return body(id)["choices"][0]["text"];
  };
  EXPECT_EQ(sample(3), sample(3));
  EXPECT_NE(sample(3), sample(4));
  EXPECT_NE(sample(nullptr), sample(nullptr));
}

TEST_F(ApiServiceTest, AFullQueueIs429) {
  for (int i = 0; i < 3; ++i) complete({{"max_tokens", 30}});
  const ExchangeId refused = complete({{"max_tokens", 1}});
  EXPECT_EQ(sent(refused).answer.status, 429);
  EXPECT_GE(sent(refused).answer.retry_after_s.value_or(0), 1);
  EXPECT_EQ(body(refused)["error"]["type"], "rate_limit_error");
  run();
  const ExchangeId accepted = complete({{"max_tokens", 1}});
  run();
  EXPECT_EQ(sent(accepted).answer.status, 200);
}

TEST_F(ApiServiceTest, AClientThatHasGoneFreesItsSlotAtTheNextStep) {
  const ExchangeId gone = complete({{"max_tokens", 60}});
  const ExchangeId stays = complete({{"max_tokens", 60}});
  const ExchangeId waits = complete({{"max_tokens", 1}});
  service_->take(generator_->step());
  service_->client_gone(gone);
  service_->take(generator_->step());  // the slot is free, and the third request runs in this step
  EXPECT_TRUE(sent(waits).over);
  EXPECT_FALSE(sent(stays).over);
  EXPECT_FALSE(sent(gone).over);
  EXPECT_EQ(service_->metrics().clients_gone, 1U);
}

TEST_F(ApiServiceTest, RefusesByTheApisErrors) {
  const auto status = [&](ExchangeId id) { return sent(id).answer.status; };
  const ExchangeId model = complete({{"model", "other"}});
  EXPECT_EQ(status(model), 404);
  EXPECT_EQ(body(model)["error"]["code"], "model_not_found");
  const ExchangeId context = complete({{"max_tokens", kContext + 1}});
  EXPECT_EQ(status(context), 400);
  EXPECT_EQ(body(context)["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(status(complete({{"prompt", Json::array({-1})}})), 400);
  EXPECT_EQ(status(complete({{"n", 2}})), 400);
  EXPECT_EQ(status(send("POST", "/v1/completions", "{", "", "application/json; charset=utf-8")), 400);
  EXPECT_EQ(status(send("POST", "/v1/completions", "{}", "", "text/plain")), 415);
  EXPECT_EQ(status(send("POST", "/v1/nothing", "{}")), 404);
  const ExchangeId method = send("GET", "/v1/completions");
  EXPECT_EQ(status(method), 405);
  EXPECT_EQ(sent(method).answer.allow, "POST");
  // A model without a chat template.
  const ExchangeId chat =
      send("POST", "/v1/chat/completions", R"({"model": "bard", "messages": [{"role": "user", "content": "hi"}]})");
  EXPECT_EQ(status(chat), 400);
  EXPECT_THAT(sent(chat).answer.body, HasSubstr("/v1/completions"));
  EXPECT_EQ(service_->open(), 0U);
}

TEST_F(ApiServiceTest, TheLargestRequestThatFitsIsAccepted) {
  const ExchangeId id = complete({{"max_tokens", kContext}});
  run();
  EXPECT_EQ(body(id)["usage"]["completion_tokens"], kContext);
}

TEST_F(ApiServiceTest, NamesItsModel) {
  EXPECT_EQ(body(send("GET", "/v1/models"))["data"][0]["id"], "bard");
  EXPECT_EQ(body(send("GET", "/v1/models/bard"))["id"], "bard");
  EXPECT_EQ(sent(send("GET", "/v1/models/other")).answer.status, 404);
}

TEST_F(ApiServiceTest, AsksForTheKey) {
  options_.api_key = "secret";
  start();
  for (const char* wrong : {"", "secret", "Bearer ", "Bearer secre", "Bearer secrets", "bearer secret"}) {
    EXPECT_EQ(sent(send("GET", "/v1/models", "", wrong)).answer.status, 401) << wrong;
  }
  EXPECT_EQ(sent(send("GET", "/v1/models", "", "Bearer secret")).answer.status, 200);
  EXPECT_EQ(sent(send("GET", "/health")).answer.status, 200);
}

TEST_F(ApiServiceTest, AFailedStepIsAnErrorOfItsRequests) {
  const ExchangeId whole = complete({{"max_tokens", 5}});
  const ExchangeId stream = complete({{"max_tokens", 5}, {"stream", true}});
  service_->take(generator_->step());
  engine_.fail();
  service_->take(generator_->step());
  EXPECT_EQ(sent(whole).answer.status, 500);
  EXPECT_THAT(sent(whole).answer.body, HasSubstr("the toy engine failed"));
  EXPECT_TRUE(sent(stream).over);
  EXPECT_THAT(sent(stream).events, AllOf(HasSubstr("the toy engine failed"), Not(HasSubstr("[DONE]"))));
}

TEST_F(ApiServiceTest, EndsLateRequestsAndRefusesNewOnes) {
  options_.timeout = std::chrono::seconds(10);
  start();
  const ExchangeId id = complete({{"max_tokens", 60}});
  service_->take(generator_->step());
  service_->check_time(now_ns() + 9'000'000'000);
  EXPECT_FALSE(sent(id).over);
  service_->check_time(now_ns() + 11'000'000'000);
  EXPECT_EQ(sent(id).answer.status, 504);
  const ExchangeId open = complete({{"max_tokens", 60}});
  service_->refuse_new("the server is shutting down");
  EXPECT_EQ(sent(complete({{"max_tokens", 1}})).answer.status, 503);
  EXPECT_EQ(sent(send("GET", "/health")).answer.status, 503);
  service_->fail_all(ApiError(503, "gone"));
  EXPECT_EQ(sent(open).answer.status, 503);
  EXPECT_EQ(service_->open(), 0U);
}

TEST(Generation, MessagesKeepEverything) {
  GenerationOrders orders;
  orders.submit.push_back({7, {1, 2, 3}, 9, {0.5, 40, 0.9, 0xFFFFFFFFFFFFFFFF}, {0, 5}, 3});
  orders.cancel = {8, 9};
  EXPECT_EQ(decode_orders(encode_orders(orders)), orders);
  GenerationEvent token;
  token.id = 7;
  token.time_ns = 123;
  token.token = 4;
  token.logprob = -0.25;
  token.top = {{4, -0.25}, {1, -2}};
  GenerationEvent end;
  end.id = 8;
  end.ended = true;
  end.time_ns = 456;
  end.reason = FinishReason::kRefused;
  end.error = "why";
  end.submit_ns = 1;
  end.admitted_ns = 2;
  EXPECT_EQ(decode_events(encode_events({token, end})), (std::vector<GenerationEvent>{token, end}));
  for (const char* noise : {"", "x", "\xc0", "\x91\x91\x01", "\x92\x01\x02"}) {
    EXPECT_ANY_THROW(decode_events(noise)) << noise;
  }
}

TEST(GenerationDriver, PassesEventsAndTheFailureOn) {
  NextIdEngine engine(100);
  SchedulerOptions options;
  options.max_batch = 2;
  options.token_budget = 8;
  options.max_tokens = 32;
  GenerationWorker worker(options, engine);
  std::atomic<int> wakes = 0;
  std::atomic<bool> crashes = false;
  GenerationDriver driver(
      [&](std::string_view orders) {
        if (crashes) throw std::runtime_error("crashed");
        return worker.step(orders);
      },
      [&] { ++wakes; });
  driver.submit({1, {5}, 4, {}, {}, -1});
  std::vector<GenerationEvent> events;
  const auto collect_until = [&](auto is_done) {
    for (int i = 0; i < 5000 && !is_done(); ++i) {
      for (auto& event : driver.take_events()) events.push_back(std::move(event));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  collect_until([&] { return !events.empty() && events.back().ended; });
  ASSERT_THAT(events, SizeIs(5));
  EXPECT_EQ(events[3].token, 9);
  EXPECT_EQ(events[4].reason, FinishReason::kLength);
  EXPECT_GT(wakes, 0);
  EXPECT_EQ(driver.failure(), nullptr);
  EXPECT_EQ(driver.busy_ns(), 0U);
  crashes = true;
  driver.submit({2, {5}, 4, {}, {}, -1});
  collect_until([&] { return driver.failure() != nullptr; });
  EXPECT_THROW(std::rethrow_exception(driver.failure()), std::runtime_error);
}

}  // namespace
}  // namespace inferbench
