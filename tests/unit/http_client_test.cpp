// SPDX-License-Identifier: Apache-2.0
// The endpoint client against a server that does whatever the path of the request says.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "http/endpoint_client.hpp"
#include "http/listen_socket.hpp"
#include "measure/clock.hpp"
#include "support/error.hpp"

namespace inferbench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::SizeIs;

const std::string kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

std::string token(const std::string& text) {
  return chunk("data: {\"choices\": [{\"text\": \"" + text + "\", \"finish_reason\": null}]}\n\n");
}

const std::string kStreamEnd =
    chunk(
        "data: {\"choices\": [{\"text\": \"\", \"finish_reason\": \"length\"}]}\n\n"
        "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 2, \"completion_tokens\": 3}}\n\ndata: [DONE]\n\n") +
    "0\r\n\r\n";

std::string whole(int status, const std::string& type, const std::string& body) {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n{}", status, type, body.size(),
                     body);
}

/// Serves each connection in turn, from one thread, and never closes one that it should keep.
class HostileServer {
 public:
  HostileServer() : socket_(listen_on("127.0.0.1", 0)), thread_([this] { run(); }) {}
  ~HostileServer() {
    stopping_ = true;
    thread_.join();
  }
  HostileServer(const HostileServer&) = delete;
  HostileServer& operator=(const HostileServer&) = delete;

  std::string url(const std::string& behaviour) const {
    return fmt::format("http://127.0.0.1:{}/{}/v1/", socket_.port, behaviour);
  }
  int requests() const { return requests_; }

 private:
  void run() {
    while (!stopping_) {
      pollfd waiting{socket_.fd.get(), POLLIN, 0};
      poll(&waiting, 1, 5);
      if (waiting.revents == 0) continue;
      OwnedFd connection(accept(socket_.fd.get(), nullptr, nullptr));
      if (connection.get() >= 0 && serve(connection.get())) kept_.push_back(std::move(connection));
    }
  }

  static std::string read_request(int fd) {
    std::string bytes;
    char buffer[4096];
    for (;;) {
      const auto end = bytes.find("\r\n\r\n");
      const auto length = bytes.find("Content-Length: ");
      if (end != std::string::npos && length != std::string::npos &&
          bytes.size() >= end + 4 + std::stoul(bytes.substr(length + 16))) {
        return bytes;
      }
      const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
      if (n <= 0) return bytes;
      bytes.append(buffer, static_cast<std::size_t>(n));
    }
  }

  static void send(int fd, const std::string& bytes) { ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); }

  // Returns whether the connection stays open.
  bool serve(int fd) {
    const std::string request = read_request(fd);
    ++requests_;
    const std::string behaviour = request.substr(6, request.find('/', 6) - 6);
    if (behaviour == "never") return true;
    if (behaviour == "closes") return false;
    if (behaviour == "stalls") {
      send(fd, kStreamHead + token("a"));
      return true;
    }
    if (behaviour == "cut") {
      send(fd, kStreamHead + token("a"));
      return false;
    }
    if (behaviour == "slow") {
      send(fd, kStreamHead);
      for (const char* text : {"a", "b", "c"}) {
        std::this_thread::sleep_for(30ms);
        send(fd, token(text));
      }
      send(fd, kStreamEnd);
      return true;
    }
    send(fd, kAnswers.at(behaviour));
    return false;
  }

  const std::map<std::string, std::string> kAnswers = {
      {"good", kStreamHead + token("a") + token("b") + token("c") + kStreamEnd},
      {"html", whole(200, "text/html", "<html>It works!</html>")},
      {"missing", whole(404, "text/html", "<html>404</html>")},
      {"moved", "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"},
      {"full", whole(429, "application/json", R"({"error": {"message": "queue is full"}})")},
      {"broken", kStreamHead + chunk("data: {\"choices\": [\n\n") + kStreamEnd},
      {"noise", "SSH-2.0-OpenSSH_9.2\r\n"},
      {"chunks", kStreamHead + "zz\r\nxx"},
  };

  ListenSocket socket_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> requests_ = 0;
  std::vector<OwnedFd> kept_;
  std::thread thread_;
};

Endpoint endpoint_at(const std::string& url) {
  Endpoint endpoint;
  endpoint.url = url;
  endpoint.model = "m";
  endpoint.timeout_s = 0.5;
  return endpoint;
}

EndpointOutcome ask(const std::string& url) {
  EndpointClient client(endpoint_at(url));
  client.submit({7, 0, "prompt", 1, 3});
  for (int i = 0; i < 100; ++i) {
    std::vector<EndpointOutcome> outcomes = client.poll(100ms);
    if (!outcomes.empty()) {
      EXPECT_EQ(client.open(), 0U);
      return outcomes.front();
    }
  }
  ADD_FAILURE() << "no outcome";
  return {};
}

TEST(EndpointClient, EveryAnswerIsOneOutcome) {
  const HostileServer server;
  const std::vector<std::tuple<const char*, EndpointStatus, const char*>> expected = {
      {"good", EndpointStatus::kOk, ""},
      {"never", EndpointStatus::kTimeout, "no answer within 0.5 s"},
      {"stalls", EndpointStatus::kTimeout, "not finished within 0.5 s"},
      {"closes", EndpointStatus::kBroken, "closed the connection without an answer"},
      {"cut", EndpointStatus::kCut, ""},
      {"html", EndpointStatus::kBroken, "HTML"},
      {"missing", EndpointStatus::kRefused, "404"},
      {"moved", EndpointStatus::kRefused, "302"},
      {"full", EndpointStatus::kRefused, "queue is full"},
      {"broken", EndpointStatus::kBroken, "an event"},
      {"noise", EndpointStatus::kBroken, ""},
      {"chunks", EndpointStatus::kCut, ""},
  };
  for (const auto& [behaviour, status, says] : expected) {
    const EndpointOutcome outcome = ask(server.url(behaviour));
    EXPECT_EQ(outcome.status, status) << behaviour << ": " << to_string(outcome.status) << outcome.request.error;
    EXPECT_THAT(outcome.request.error, HasSubstr(says)) << behaviour;
    EXPECT_EQ(outcome.request.id, 7U);
    EXPECT_EQ(outcome.request.error.empty(), status == EndpointStatus::kOk) << behaviour;
  }
  EXPECT_EQ(server.requests(), static_cast<int>(expected.size()));  // nothing was tried twice
}

TEST(EndpointClient, TokensHaveTheTimesOfTheirArrival) {
  const HostileServer server;
  EndpointOutcome outcome = ask(server.url("slow"));
  ASSERT_EQ(outcome.status, EndpointStatus::kOk) << outcome.request.error;
  EXPECT_EQ(outcome.text, "abc");
  EXPECT_EQ(count_tokens(outcome, std::nullopt), TokenSource::kUsage);
  ASSERT_THAT(outcome.request.tokens_ns, SizeIs(3));
  EXPECT_GT(outcome.request.tokens_ns[0], outcome.request.submit_ns + 25'000'000);
  EXPECT_GT(outcome.request.tokens_ns[1], outcome.request.tokens_ns[0] + 25'000'000);
  EXPECT_GT(outcome.request.tokens_ns[2], outcome.request.tokens_ns[1] + 25'000'000);
}

TEST(EndpointClient, SaysHowLateItMayHaveBeen) {
  const HostileServer server;
  EndpointClient client(endpoint_at(server.url("slow")));
  client.submit({1, 0, "prompt", 1, 3});
  std::vector<EndpointOutcome> outcomes;
  while (outcomes.empty()) {
    std::this_thread::sleep_for(50ms);  // the caller is busy with something else
    outcomes = client.poll(0ms);
  }
  EXPECT_GT(outcomes.front().lag_ns, 40'000'000U);
  // On a loaded machine a thread may wait that long for a CPU, but not every time.
  std::uint64_t least_ns = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < 20 && least_ns > 40'000'000U; ++i) {
    least_ns = std::min(least_ns, ask(server.url("slow")).lag_ns);
  }
  EXPECT_LT(least_ns, 40'000'000U);
}

TEST(EndpointClient, AServerThatIsDownIsUnreachable) {
  std::uint16_t port = 0;
  { port = listen_on("127.0.0.1", 0).port; }
  const EndpointOutcome outcome = ask(fmt::format("http://127.0.0.1:{}/v1", port));
  EXPECT_EQ(outcome.status, EndpointStatus::kUnreachable);
  EXPECT_THAT(outcome.request.error, HasSubstr("refused"));
}

TEST(EndpointClient, RefusesWhatIsNoUrl) {
  for (const char* url : {"", "localhost:8080", "file:///etc/passwd", "http://", "http://a b/"}) {
    EXPECT_THROW(EndpointClient{endpoint_at(url)}, Error) << url;
  }
}

}  // namespace
}  // namespace inferbench
