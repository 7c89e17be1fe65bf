// SPDX-License-Identifier: Apache-2.0
// `inferbench serve` as clients see it.
#include <gmock/gmock.h>
#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "http/endpoint_client.hpp"
#include "http/listen_socket.hpp"
#include "measure/clock.hpp"
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/random.hpp"
#include "support/test_paths.hpp"

namespace inferbench {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::SizeIs;
using Json = nlohmann::json;

const std::string kModel = std::string(test_paths::kData) + "/shakespeare";

/// A server on a free port.
class Server {
 public:
  explicit Server(std::vector<std::string> more, const std::string& backend = "cpu_ref:fp32",
                  const std::string& plugins = test_paths::kPlugins)
      : port_(listen_on("127.0.0.1", 0).port) {
    std::vector<std::string> arguments = {test_paths::kProgram,
                                          "serve",
                                          "--backend",
                                          backend,
                                          "--model",
                                          kModel,
                                          "--plugin-dir",
                                          plugins,
                                          "--threads",
                                          "1",
                                          "--port",
                                          std::to_string(port_),
                                          "--name",
                                          "bard"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    program_ = std::make_unique<Program>(arguments);
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  Program& program() { return *program_; }

  Endpoint endpoint(bool stream = true) const {
    Endpoint endpoint;
    endpoint.url = url();
    endpoint.model = "bard";
    endpoint.stream = stream;
    endpoint.timeout_s = 60;
    return endpoint;
  }

  EndpointOutcome ask(const EndpointRequest& request, bool stream = true) const {
    // The server listens once it has started; it answers once the model is loaded.
    for (int i = 0; i < 200; ++i) {
      EndpointClient client(endpoint(stream));
      client.submit(request);
      std::vector<EndpointOutcome> outcomes;
      while (outcomes.empty()) outcomes = client.poll(100ms);
      if (outcomes[0].status != EndpointStatus::kUnreachable) return outcomes[0];
      std::this_thread::sleep_for(50ms);
    }
    ADD_FAILURE() << "the server does not answer";
    return {};
  }

  /// The value of a metric.
  double metric(const std::string& name) const {
    const auto result = http_get("/metrics");
    const auto at = result.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(result.substr(at + name.size() + 2));
  }

 private:
  /// The body of a GET, by hand: the endpoint client only posts.
  std::string http_get(const std::string& path) const;

  std::uint16_t port_;
  std::unique_ptr<Program> program_;
};

std::string Server::http_get(const std::string& path) const {
  const ProgramResult result = Program({"/usr/bin/env", "bash", "-c",
                                        "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(port_) + "; printf 'GET " +
                                            path + " HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"})
                                   .wait();
  return result.out;
}

TEST(Serve, AnswersWhatGenerateWrites) {
  const Json reference = Json::parse(std::ifstream(kModel + "/expected.json"));
  const EndpointRequest request{1, 0, reference["prompt"], 0, 80};
  Server server({});
  for (const bool stream : {true, false}) {
    const EndpointOutcome outcome = server.ask(request, stream);
    EXPECT_EQ(outcome.status, EndpointStatus::kOk) << outcome.request.error;
    EXPECT_EQ(outcome.text, reference["greedy_text"].get<std::string>());
    EXPECT_EQ(outcome.finish_reason, "length");
    EXPECT_EQ(outcome.usage.value_or(TokenUsage{}).completion, 80);
  }
  EXPECT_EQ(server.metric("inferbench_generated_tokens_total"), 160);
  server.program().signal(SIGTERM);
  const ProgramResult result = server.program().wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("bard on cpu_ref:fp32"), HasSubstr(server.url())));
}

// Continuous batching must not change what a request gets, however many run at once.
TEST(Serve, ManyRequestsAtOnceGetTheirOwnAnswers) {
  Server server({"--max-batch", "4", "--token-budget", "8", "--queue", "60"});
  const std::vector<std::string> prompts = {"ROMEO:\n", "KING HENRY:\nMy lord", "To be", "O", "What"};
  std::vector<std::string> alone;
  for (const std::string& prompt : prompts) alone.push_back(server.ask({0, 0, prompt, 0, 24}).text);
  EndpointClient client(server.endpoint());
  EndpointPlan plan;
  for (std::size_t i = 0; i < 40; ++i) plan.requests.push_back({0, 0, prompts[i % prompts.size()], 0, 24});
  const EndpointResult result = run_endpoint_load(std::move(plan), client);
  ASSERT_THAT(result.outcomes, SizeIs(40));
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(result.outcomes[i].status, EndpointStatus::kOk) << result.outcomes[i].request.error;
    EXPECT_EQ(result.outcomes[i].text, alone[i % alone.size()]);
  }
}

TEST(Serve, SigtermLetsRunningRequestsFinish) {
  Server server({});
  ASSERT_EQ(server.ask({0, 0, "To be", 0, 1}).status, EndpointStatus::kOk);
  EndpointClient client(server.endpoint());
  client.submit({1, 0, "To be", 0, 200});
  std::vector<EndpointOutcome> outcomes;
  // The client sends only while it polls.
  while (outcomes.empty() && server.metric("inferbench_requests_running") < 1) outcomes = client.poll(5ms);
  ASSERT_TRUE(outcomes.empty());
  server.program().signal(SIGTERM);
  while (outcomes.empty()) outcomes = client.poll(100ms);
  EXPECT_EQ(outcomes[0].status, EndpointStatus::kOk) << outcomes[0].request.error;
  EXPECT_EQ(server.program().wait().exit_code, 0);
}

TEST(Serve, ABackendThatCrashesIsNamedToClientsAndEndsTheServer) {
  Server server({"--option", "fault=segv", "--option", "from=1"}, "crash", INFERBENCH_HOSTILE_DIR);
  const EndpointOutcome outcome = server.ask({1, 0, "To be", 0, 50}, false);
  EXPECT_EQ(outcome.http_status, 503);
  EXPECT_THAT(outcome.request.error, HasSubstr("Segmentation fault"));
  const ProgramResult result = server.program().wait();
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("inferbench: error: backend crash"), HasSubstr("Segmentation fault")));
}

TEST(Serve, RefusesBadUse) {
  const auto serve = [](std::vector<std::string> more) {
    more.insert(more.begin(), {"serve", "--backend", "cpu_ref", "--plugin-dir", test_paths::kPlugins});
    return run_program(more);
  };
  const ListenSocket taken = listen_on("127.0.0.1", 0);
  const ProgramResult port = serve({"--model", kModel, "--port", std::to_string(taken.port)});
  EXPECT_EQ(port.exit_code, 2);
  EXPECT_THAT(port.err, AllOf(HasSubstr("Address already in use"), HasSubstr("hint: another program has the port")));
  EXPECT_THAT(serve({"--model", "synthetic:gpt2"}).err, HasSubstr("no tokenizer"));
  EXPECT_THAT(serve({"--model", kModel, "--context", "257"}).err, HasSubstr("--context 257 exceeds"));
  EXPECT_THAT(serve({"--model", kModel, "--max-batch", "9", "--token-budget", "8"}).err, HasSubstr("--token-budget 8"));
  EXPECT_EQ(serve({"--model", kModel, "--host", "no such host"}).exit_code, 2);
}

std::ptrdiff_t descriptors_of(pid_t pid) {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(pid) + "/fd");
  return std::distance(files, std::filesystem::directory_iterator());
}

long resident_kib(pid_t pid) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  return std::stol(status.substr(status.find("VmRSS:") + 6));
}

// 200 connections at a time, most of which are closed at a random moment. INFERBENCH_LEAK_SECONDS=600 runs it longer.
TEST(Serve, ClientsThatVanishLeaveNothingBehind) {
  const char* wanted = std::getenv("INFERBENCH_LEAK_SECONDS");
  const auto duration = std::chrono::seconds(wanted == nullptr ? 3 : std::atoi(wanted));
  Server server({"--queue", "1000"});
  ASSERT_EQ(server.ask({0, 0, "To be", 0, 1}).status, EndpointStatus::kOk);
  SplitMix64 random(1);
  std::ptrdiff_t descriptors = 0;
  long memory = 0;
  const auto end = std::chrono::steady_clock::now() + duration;
  std::size_t sent = 0;
  for (int round = 0; round < 3 || std::chrono::steady_clock::now() < end; ++round) {
    {
      std::vector<std::unique_ptr<EndpointClient>> clients;
      for (int i = 0; i < 200; ++i) {
        clients.push_back(std::make_unique<EndpointClient>(server.endpoint(random.below(2) == 0)));
        clients.back()->submit({static_cast<RequestId>(i), 0, "To be or", 0, 20});
        ++sent;
      }
      for (int turn = 0; turn < 60; ++turn) {
        for (auto& client : clients) {
          if (!client) continue;
          client->poll(0ms);
          if (random.below(30) == 0) client.reset();
        }
        std::this_thread::sleep_for(2ms);
      }
    }
    for (int i = 0; i < 2000 && server.metric("inferbench_connections") > 1; ++i) std::this_thread::sleep_for(10ms);
    for (int i = 0; i < 2000 && server.metric("inferbench_requests_running") > 0; ++i)
      std::this_thread::sleep_for(10ms);
    EXPECT_EQ(server.metric("inferbench_requests_running"), 0);
    EXPECT_EQ(server.metric("inferbench_requests_waiting"), 0);
    if (round == 0) {  // the first round makes the allocator's arenas and curl's caches
      descriptors = descriptors_of(server.program().pid());
      memory = resident_kib(server.program().pid());
    }
  }
  EXPECT_EQ(descriptors_of(server.program().pid()), descriptors);
  EXPECT_LT(resident_kib(server.program().pid()), memory + 20'000);
  EXPECT_GT(server.metric("inferbench_clients_gone_total"), static_cast<double>(sent) / 4);
  EXPECT_EQ(server.ask({0, 0, "To be", 0, 3}).status, EndpointStatus::kOk);
  server.program().signal(SIGTERM);
  EXPECT_EQ(server.program().wait().exit_code, 0);
}

}  // namespace
}  // namespace inferbench
