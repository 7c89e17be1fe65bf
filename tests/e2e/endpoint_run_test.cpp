// SPDX-License-Identifier: Apache-2.0
// Running servers as contenders of an experiment.
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "e2e/run_fixture.hpp"
#include "http/endpoint_models.hpp"
#include "http/listen_socket.hpp"
#include "support/files.hpp"

namespace inferbench::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSecret = "secret-key-1";

/// tests/e2e/fake_endpoint.py, which does what the path says.
class FakeServers {
 public:
  explicit FakeServers(const std::filesystem::path& folder)
      : log_(folder / "log"),
        program_({"/usr/bin/env", "python3", INFERBENCH_FAKE_ENDPOINT, (folder / "port").string(), log_.string()}) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!std::filesystem::exists(folder / "port") && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    port_ = read_file(folder / "port");
  }

  std::string url(const std::string& behaviour) const { return "http://127.0.0.1:" + port_ + "/" + behaviour + "/v1"; }

  /// "{endpoint: ..., model: m, name: BEHAVIOUR, MORE}"
  std::string contender(const std::string& behaviour, const std::string& more = "") const {
    return fmt::format("  - {{endpoint: \"{}\", model: m, name: {}{}{}}}\n", url(behaviour), behaviour,
                       more.empty() ? "" : ", ", more);
  }

  /// The requests that a behaviour got, in their order.
  std::vector<nlohmann::json> requests(const std::string& behaviour) const {
    std::vector<nlohmann::json> found;
    std::ifstream file(log_);
    for (std::string line; std::getline(file, line);) {
      auto request = nlohmann::json::parse(line);
      if (request.at("behaviour") == behaviour) found.push_back(std::move(request));
    }
    return found;
  }

 private:
  std::filesystem::path log_;
  Program program_;
  std::string port_;
};

const std::string kReference = "  - {plugin: cpu_ref, name: reference}\n";
const std::string kScenarios = "sweep.scenario=[{closed: {concurrency: 2}, open: {rate: 200}}]";

std::string settings(int blocks, int requests) {
  return fmt::format(
      "measure: {{blocks: {}, warmup: 0, repeat_disturbed: 0, machine_limits: never}}\n"
      "serving: {{max_batch: 2, requests: {}, ramp_up: 0, prompt_tokens: {{min: 3, max: 9}}, generate_tokens: {{min: "
      "2, "
      "max: 6}}}}\n",
      blocks, requests);
}

class EndpointRun : public RunTest {
 protected:
  ProgramResult run(const std::string& backends, const std::string& rest, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"run", write_experiment(backends, rest), "--set", "sweep.prompt_tokens=[9]"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program_in(folder(), arguments);
  }

  FakeServers servers_{folder()};
};

const TrialRecord& trial_of(const RunData& run, std::string_view contender, std::string_view scenario = "offline",
                            std::int32_t block = 0) {
  for (const TrialRecord& trial : run.trials) {
    if (trial.contender == contender && trial.point.scenario == scenario && trial.block == block) return trial;
  }
  throw std::runtime_error("no trial of " + std::string(contender) + " at " + std::string(scenario));
}

std::vector<std::pair<std::int32_t, std::int32_t>> lengths_of(const TrialRecord& trial) {
  std::vector<std::pair<std::int32_t, std::int32_t>> lengths;
  for (const RequestOutcome& request : trial.outcome.serving.value().requests) {
    lengths.emplace_back(request.prompt_tokens, request.wanted_tokens);
  }
  return lengths;
}

std::vector<std::uint64_t> arrivals_of(const TrialRecord& trial) {
  std::vector<std::uint64_t> arrivals;
  for (const RequestOutcome& request : trial.outcome.serving.value().requests) arrivals.push_back(request.arrival_ns);
  return arrivals;
}

std::size_t distinct_prompts(const std::vector<nlohmann::json>& requests) {
  std::set<std::string> prompts;
  for (const nlohmann::json& request : requests) prompts.insert(request.at("prompt").dump());
  return prompts.size();
}

TEST_F(EndpointRun, GetsTheSameRequestsAsTheBackends) {
  const ProgramResult result = run(kReference + servers_.contender("good"), settings(2, 8), {"--set", kScenarios});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData data = read_run(only_run_folder());
  EXPECT_EQ(expect_each_id_once(data), 8U);  // 2 scenarios x 2 contenders x 2 blocks
  for (const std::string scenario : {"closed 2", "open 200/s"}) {
    for (const std::int32_t block : {0, 1}) {
      const TrialRecord& here = trial_of(data, "reference", scenario, block);
      const TrialRecord& there = trial_of(data, "good", scenario, block);
      ASSERT_TRUE(there.ok()) << there.outcome.error;
      EXPECT_EQ(lengths_of(here), lengths_of(there));
      if (scenario != "closed 2") {
        EXPECT_EQ(arrivals_of(here), arrivals_of(there));
      }
      const ServingOutcome& served = *there.outcome.serving;
      EXPECT_EQ(served.metrics.success_rate, 1);
      EXPECT_EQ(served.requests[3].tokens_ns.size(), static_cast<std::size_t>(served.requests[3].wanted_tokens));
      EXPECT_TRUE(served.metrics.queue_wait_ms.empty());
      ASSERT_TRUE(served.endpoint);
      EXPECT_TRUE(served.endpoint->prompt_ids);
      EXPECT_EQ(served.endpoint->counted_by, (std::map<std::string, std::int64_t>{{"usage", 8}}));
      EXPECT_EQ(served.endpoint->statuses, std::vector<std::string>(8, "ok"));
      EXPECT_TRUE(there.precision.empty());
      EXPECT_FALSE(there.outcome.memory.peak_rss_bytes);
    }
  }
  // One request asks whether the server takes ids. All others are those of the trials, and no prompt comes twice.
  const auto requests = servers_.requests("good");
  EXPECT_EQ(requests.size(), 33U);
  EXPECT_EQ(distinct_prompts(requests), 33U);
  EXPECT_TRUE(requests.back().at("prompt").is_array());
  EXPECT_THAT(result.out, HasSubstr("note: good is a server: prompts were sent as token ids, tokens were counted by 32 "
                                    "usage; its queue, memory and energy are not seen"));
}

TEST_F(EndpointRun, EveryFormatHasTheServer) {
  ASSERT_EQ(run(kReference + servers_.contender("good"),
                settings(2, 8) + "targets:\n  - {contender: good, metric: success_rate, at_least: 1}\n",
                {"--set", kScenarios})
                .exit_code,
            0);
  const auto reported = [&](const std::string& format) {
    const ProgramResult result =
        run_program_in(folder(), {"report", only_run_folder().string(), "--format", format, "-o", "-"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  EXPECT_THAT(reported("md"), AllOf(ContainsRegex("\\| tiny \\| closed 2 \\| 1 \\| 2 \\| good \\| - \\|"),
                                    HasSubstr("good: the server at " + servers_.url("good"))));
  EXPECT_THAT(reported("csv"), HasSubstr("good"));
  EXPECT_THAT(reported("html"), HasSubstr(servers_.url("good")));
  const auto json = nlohmann::json::parse(reported("json"));
  const auto& contender = json.at("points").at(0).at("contenders").at(1);
  EXPECT_EQ(contender.at("metrics").at("output_tokens_per_s").at("n"), 2);
  EXPECT_FALSE(contender.at("metrics").contains("load_ms"));
  EXPECT_FALSE(contender.contains("time_shares"));
  EXPECT_TRUE(contender.at("vs_baseline").contains("output_tokens_per_s"));
  // Two blocks are too few for a verdict, so the target is judged, but unclear.
  const ProgramResult check = run_program_in(folder(), {"check", only_run_folder().string()});
  EXPECT_EQ(check.exit_code, 4) << check.out << check.err;
  EXPECT_THAT(check.out, ContainsRegex("success_rate at least 100.00% +unclear 2 of 2"));
}

TEST_F(EndpointRun, ServersThatDontWorkAreOneErrorEach) {
  const std::string down = std::to_string(listen_on("127.0.0.1", 0).port);
  const ProgramResult result = run(kReference + servers_.contender("html") + servers_.contender("broken") +
                                       servers_.contender("cut") + servers_.contender("never", "timeout_s: 0.3") +
                                       "  - {endpoint: \"" + servers_.url("good") + "\", model: n, name: missing}\n" +
                                       "  - {endpoint: \"http://127.0.0.1:" + down + "/v1\", model: m, name: down}\n",
                                   settings(3, 4), {"--set", "sweep.scenario=offline"});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const RunData data = read_run(only_run_folder());
  const std::map<std::string, std::pair<TrialStatus, std::string>> expected{
      {"html", {TrialStatus::kCrashed, "HTTP status 200, an HTML page"}},
      {"broken", {TrialStatus::kCrashed, "a first request of one token failed: "}},
      {"cut", {TrialStatus::kCrashed, "a first request of one token failed: "}},
      {"never", {TrialStatus::kTimeout, "no answer within 0.3 s"}},
      {"missing", {TrialStatus::kInvalid, "it has no model 'n'; its models: other, m"}},
      {"down", {TrialStatus::kUnreachable, "no connection to http://127.0.0.1:" + down + "/v1"}}};
  for (const auto& [name, failure] : expected) {
    for (const std::int32_t block : {0, 1, 2}) {
      const TrialRecord& trial = trial_of(data, name, "offline", block);
      EXPECT_EQ(trial.outcome.status, failure.first) << name << ": " << trial.outcome.error;
      EXPECT_THAT(trial.outcome.error, HasSubstr(failure.second)) << name;
    }
    EXPECT_THAT(result.out, ContainsRegex(": " + name + ", 3 trials"));
  }
  EXPECT_TRUE(trial_of(data, "reference", "offline", 2).ok());
}

TEST_F(EndpointRun, FailedRequestsAreARateAndShortAnswersAreCounted) {
  const ProgramResult result = run(kReference + servers_.contender("flaky"), settings(1, 12),
                                   {"--set", "sweep.scenario=[{closed: {concurrency: 1}}]"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData data = read_run(only_run_folder());
  const ServingOutcome& served = trial_of(data, "flaky", "closed 1").outcome.serving.value();
  // The server's third, sixth, ... request of 13 is refused; after each of them, one is short.
  EXPECT_NEAR(served.metrics.success_rate, 8.0 / 12, 1e-9);
  std::map<std::string, int> statuses;
  for (const std::string& status : served.endpoint->statuses) ++statuses[status];
  EXPECT_EQ(statuses, (std::map<std::string, int>{{"ok", 4}, {"refused", 4}, {"short", 4}}));
  EXPECT_EQ(served.requests[1].reason, FinishReason::kFailed);
  EXPECT_THAT(served.requests[1].error, HasSubstr("HTTP status 429: queue is full of 3"));
  EXPECT_THAT(result.out, AllOf(HasSubstr("33.3% of the requests failed"),
                                HasSubstr("not every one of its 12 requests was ok: 4 refused, 4 short")));
}

TEST_F(EndpointRun, TextsReplaceIdsWhereTheServerTakesNone) {
  const ProgramResult result =
      run(kReference + servers_.contender("text") + servers_.contender("nousage") +
              servers_.contender("nolist", "chat: true"),
          settings(1, 6), {"--set", "sweep.scenario=offline", "--set", "sweep.shared_prefix_tokens=2"});
  ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  const RunData data = read_run(only_run_folder());
  const TrialRecord& text = trial_of(data, "text");
  EXPECT_FALSE(text.outcome.serving->endpoint->prompt_ids);
  EXPECT_EQ(lengths_of(text), lengths_of(trial_of(data, "reference")));
  EXPECT_EQ(trial_of(data, "nousage").outcome.serving->endpoint->counted_by,
            (std::map<std::string, std::int64_t>{{"pieces", 6}}));
  const auto sent = servers_.requests("text");
  ASSERT_EQ(sent.size(), 8U);  // two questions at the beginning
  std::set<std::string> beginnings;
  std::set<std::string> prompts;
  for (std::size_t i = 2; i < sent.size(); ++i) {
    const auto prompt = sent[i].at("prompt").get<std::string>();
    beginnings.insert(prompt.substr(0, prompt.find(' ', prompt.find(' ') + 1)));
    prompts.insert(prompt);
  }
  EXPECT_EQ(beginnings.size(), 1U) << "two words are shared";
  EXPECT_EQ(prompts.size(), 6U);
  EXPECT_TRUE(servers_.requests("nolist").back().at("chat"));
}

TEST_F(EndpointRun, SearchesTheHighestRateWithOtherPromptsInEachRun) {
  const ProgramResult result =
      run(servers_.contender("good"), settings(1, 8),
          {"--set", "sweep.scenario={find: {max_rate: {objective: {ttft_ms: 20000}, percentile: 50}}}"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData data = read_run(only_run_folder());
  ASSERT_EQ(data.trials.size(), 1U);
  const ServingOutcome& served = data.trials[0].outcome.serving.value();
  ASSERT_TRUE(served.max_rate);
  EXPECT_EQ(served.max_rate->holds, served.max_rate->offline_rate) << "it never misses 20 s";
  EXPECT_EQ(served.max_rate->probes.size(), 1U);
  const auto requests = servers_.requests("good");
  EXPECT_EQ(requests.size(), 17U);  // the first question, all at once, and the run at that rate
  EXPECT_EQ(distinct_prompts(requests), 17U);
}

TEST_F(EndpointRun, WholeAnswersHaveNoTimesBetweenTokens) {
  const ProgramResult result = run(servers_.contender("good"), settings(1, 6),
                                   {"--set", "sweep.scenario=offline", "--set", "serving.delivery=whole", "--set",
                                    "models=['" + std::string(test_paths::kData) + "/shakespeare']"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const RunData data = read_run(only_run_folder());
  const ServingOutcome& served = data.trials.at(0).outcome.serving.value();
  EXPECT_EQ(served.metrics.success_rate, 1);
  EXPECT_TRUE(served.metrics.tpot_ms.empty() && served.metrics.inter_token_ms.empty());
  EXPECT_EQ(served.metrics.ttft_ms, served.metrics.e2e_ms);
  EXPECT_EQ(lengths_of(data.trials[0]).size(), 6U);
}

TEST_F(EndpointRun, TheApiKeyIsWrittenNowhere) {
  const std::string backends = servers_.contender("key", "api_key_env: INFERBENCH_TEST_KEY");
  const std::string rest = settings(1, 2);
  const std::vector<std::string> offline{"--set", "sweep.scenario=offline"};
  unsetenv("INFERBENCH_TEST_KEY");
  const ProgramResult unset = run(backends, rest, offline);
  EXPECT_EQ(unset.exit_code, 2);
  EXPECT_THAT(unset.err, AllOf(HasSubstr("is not set"), HasSubstr("hint: set it to the server's API key")));
  EXPECT_FALSE(std::filesystem::exists(folder() / "results"));

  setenv("INFERBENCH_TEST_KEY", kSecret, 1);
  const ProgramResult good = run(backends, rest, offline);
  EXPECT_EQ(good.exit_code, 0) << good.err << good.out;
  setenv("INFERBENCH_TEST_KEY", "wrong-key-2", 1);
  const ProgramResult wrong = run(backends, rest, offline);
  EXPECT_EQ(wrong.exit_code, 3) << wrong.err;
  EXPECT_THAT(wrong.out, ContainsRegex("HTTP status 401: Incorrect API key[ \n]+provided: Bearer \\(API key\\)"));
  unsetenv("INFERBENCH_TEST_KEY");
  for (const std::string& text : {good.out, good.err, wrong.out, wrong.err}) {
    EXPECT_THAT(text, AllOf(Not(HasSubstr(kSecret)), Not(HasSubstr("wrong-key-2"))));
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder() / "results")) {
    if (!entry.is_regular_file()) continue;
    ++files;
    EXPECT_THAT(read_file(entry.path()), AllOf(Not(HasSubstr(kSecret)), Not(HasSubstr("wrong-key-2")))) << entry.path();
  }
  EXPECT_GE(files, 4U);
}

TEST_F(EndpointRun, PlansWithoutAskingTheServer) {
  const ProgramResult result =
      run(kReference + servers_.contender("good"), settings(1, 4),
          {"--set", "sweep.scenario=[batch, offline]", "--set", "sweep.threads=[1]", "--plan"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("good  the server at " + servers_.url("good") + ", model m"),
                    HasSubstr("3 pairs of point and contender (threads and batches are no axes of a server)")));
  EXPECT_TRUE(servers_.requests("good").empty());
}

TEST_F(EndpointRun, MistakesAreOneLineWithAHint) {
  const auto message = [&](const std::string& backends, const std::string& set) {
    const ProgramResult result = run(backends, settings(1, 4), {"--set", set});
    EXPECT_EQ(result.exit_code, 2) << result.out;
    EXPECT_THAT(result.err, HasSubstr("\ninferbench: hint: "));
    return result.err;
  };
  const std::string good = servers_.contender("good");
  EXPECT_THAT(message(kReference + good, "sweep.batch=[1]"), HasSubstr("the sweep has only batches"));
  EXPECT_THAT(message(good + kReference, "sweep.scenario=[batch, offline]"),
              HasSubstr("baseline: 'good' is an endpoint, which has no batches to compare with"));
}

#ifdef INFERBENCH_HTTP_SERVER
// The same backend in process and behind `inferbench serve`.
TEST_F(EndpointRun, InferbenchServeGetsWhatItsBackendGetsInProcess) {
  const std::string model = std::string(test_paths::kData) + "/shakespeare";
  const std::string port = std::to_string(listen_on("127.0.0.1", 0).port);
  const Program server({test_paths::kProgram, "serve", "--backend", "cpu_ref:fp32", "--model", model, "--plugin-dir",
                        test_paths::kPlugins, "--threads", "1", "--port", port, "--name", "bard", "--max-batch", "2"});
  const Endpoint endpoint{"http://127.0.0.1:" + port + "/v1", "bard", {}};
  wait_until([&] {
    try {
      return list_endpoint_models(endpoint).has_value();
    } catch (const EndpointError&) {
      return false;
    }
  });
  const ProgramResult result =
      run(kReference + "  - {endpoint: \"" + endpoint.url + "\", model: bard, name: server}\n" + "  - {endpoint: \"" +
              endpoint.url + "\", model: bard, name: texts, prompts: text}\n",
          settings(1, 6), {"--set", "sweep.scenario={closed: {concurrency: 2}}", "--set", "models=['" + model + "']"});
  ASSERT_EQ(result.exit_code, 0) << result.err << result.out;
  const RunData data = read_run(only_run_folder());
  for (const std::string name : {"server", "texts"}) {
    const TrialRecord& trial = trial_of(data, name, "closed 2");
    EXPECT_EQ(lengths_of(trial), lengths_of(trial_of(data, "reference", "closed 2"))) << name;
    EXPECT_EQ(trial.outcome.serving->endpoint->counted_by, (std::map<std::string, std::int64_t>{{"usage", 6}}));
    EXPECT_EQ(trial.outcome.serving->endpoint->prompt_ids, name == "server");
    for (const RequestOutcome& request : trial.outcome.serving->requests) {
      EXPECT_EQ(request.reason, FinishReason::kLength);
      EXPECT_EQ(request.tokens_ns.size(), static_cast<std::size_t>(request.wanted_tokens));
    }
  }
}
#endif

}  // namespace
}  // namespace inferbench::test
