// SPDX-License-Identifier: Apache-2.0
// The HTTP server against clients that behave and clients that don't, on raw sockets in one thread.
#include "http/http_server.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "plugin/forked_child.hpp"
#include "support/error.hpp"
#include "support/random.hpp"

namespace inferbench {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

/// A blocking client; reads never block.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }

  bool connected() const { return connected_; }
  void send(const std::string& bytes) const {
    EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }
  void post(const std::string& body) const {
    send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  /// What has arrived since the last call.
  std::string received() {
    std::string bytes;
    std::array<char, 65536> buffer{};
    for (;;) {
      const ssize_t n = recv(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (n <= 0) {
        closed_ = closed_ || n == 0 || (errno != EAGAIN && errno != EINTR);
        return bytes;
      }
      bytes.append(buffer.data(), static_cast<std::size_t>(n));
    }
  }
  bool closed() const { return closed_; }
  void close() { fd_.reset(); }
  /// As if the process was killed while data was on its way.
  void reset() {
    const linger hard{1, 0};
    setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    fd_.reset();
  }
  void end_sending() const { shutdown(fd_.get(), SHUT_WR); }

 private:
  OwnedFd fd_;
  bool connected_ = false;
  bool closed_ = false;
};

class HttpServerTest : public testing::Test {
 protected:
  void start() {
    server_ = std::make_unique<HttpServer>(
        "127.0.0.1", 0, limits_,
        HttpServer::Events{[this](HttpRequest request) { requests_.push_back(std::move(request)); },
                           [this](ExchangeId id) { gone_.push_back(id); }});
  }
  void SetUp() override {
    limits_.max_body_bytes = 1000;
    start();
  }
  void pump(int turns = 10) {
    for (int i = 0; i < turns; ++i) server_->wait({}, 2ms);
  }
  template <typename Condition>
  bool pump_until(const Condition& condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (!condition() && std::chrono::steady_clock::now() < end) server_->wait({}, 5ms);
    return condition();
  }
  static std::ptrdiff_t open_descriptors() {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  }

  HttpLimits limits_;
  std::vector<HttpRequest> requests_;
  std::vector<ExchangeId> gone_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersSeveralRequestsOfOneConnection) {
  Client client(server_->port());
  for (int i = 0; i < 3; ++i) {
    client.post("{\"i\": " + std::to_string(i) + "}");
    pump();
    ASSERT_THAT(requests_, SizeIs(i + 1));
    EXPECT_EQ(requests_.back().method, "POST");
    EXPECT_EQ(requests_.back().path, "/echo");
    EXPECT_EQ(requests_.back().content_type, "application/json");
    EXPECT_EQ(requests_.back().body, "{\"i\": " + std::to_string(i) + "}");
    HttpAnswer answer{429, "later"};
    answer.retry_after_s = 7;
    server_->answer(requests_.back().id, answer);
    pump();
    EXPECT_THAT(client.received(), AllOf(StartsWith("HTTP/1.1 429 "), HasSubstr("Retry-After: 7\r\n"),
                                         HasSubstr("Content-Type: application/json\r\n"), EndsWith("\r\n\r\nlater")));
  }
  EXPECT_THAT(gone_, IsEmpty());
  EXPECT_EQ(server_->exchanges(), 0U);
  EXPECT_EQ(server_->connections(), 1U);
}

TEST_F(HttpServerTest, StreamsEventsAsTheyCome) {
  Client client(server_->port());
  client.post("{}");
  pump();
  const ExchangeId id = requests_.at(0).id;
  server_->begin_events(id);
  pump();
  EXPECT_THAT(client.received(),
              AllOf(HasSubstr("Content-Type: text/event-stream\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n")));
  server_->write(id, "data: 1\n\n");
  pump();
  EXPECT_EQ(client.received(), "9\r\ndata: 1\n\n\r\n");
  server_->write(id, "data: 2\n\n");
  server_->end(id);
  server_->write(id, "data: lost\n\n");  // it is over
  pump();
  EXPECT_EQ(client.received(), "9\r\ndata: 2\n\n\r\n0\r\n\r\n");
  client.post("{}");
  pump();
  EXPECT_THAT(requests_, SizeIs(2));
}

TEST_F(HttpServerTest, SendsWhatIsWrittenWithoutWaitingForAnEvent) {
  Client client(server_->port());
  client.post("a");
  ASSERT_TRUE(pump_until([&] { return !requests_.empty(); }));
  const ExchangeId id = requests_[0].id;
  pump();  // nothing is left to be done
  // A wait without anything to do lasts a second.
  const auto begin = std::chrono::steady_clock::now();
  const auto arrives = [&](const std::string& text) {
    std::string received;
    for (int turn = 0; turn < 5 && received.find(text) == std::string::npos; ++turn) {
      server_->wait({}, 60s);
      received += client.received();
    }
    EXPECT_THAT(received, HasSubstr(text));
  };
  server_->begin_events(id);
  server_->write(id, "data: 1\n\n");
  arrives("data: 1");
  pump();
  server_->write(id, "data: 2\n\n");
  arrives("data: 2");
  pump();
  server_->end(id);
  arrives("0\r\n\r\n");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 900ms);
}

TEST_F(HttpServerTest, NoticesClientsThatGoAtAnyTime) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<Client>(server_->port()));
    clients.back()->post("{}");
    ASSERT_TRUE(pump_until([&] { return requests_.size() == clients.size(); }));
    if (i % 2 == 1) server_->begin_events(requests_.back().id);
  }
  pump();
  clients[0]->close();
  clients[1]->close();
  clients[2]->reset();
  clients[3]->reset();
  clients[4]->end_sending();
  clients[5]->end_sending();
  EXPECT_TRUE(pump_until([&] { return gone_.size() == 6 && server_->connections() == 0; }));
  EXPECT_EQ(server_->exchanges(), 0U);
  for (const HttpRequest& request : requests_) {  // too late, and harmless
    server_->answer(request.id, {});
    server_->write(request.id, "x");
    server_->end(request.id);
  }
}

TEST_F(HttpServerTest, ClosesConnectionsWithoutACompleteRequest) {
  limits_.receive = 200ms;
  start();
  Client silent(server_->port());
  Client slow(server_->port());
  Client body(server_->port());
  Client handled(server_->port());
  body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  handled.post("{}");
  ASSERT_TRUE(pump_until([&] { return !requests_.empty(); }));
  const auto all_closed = [&] {
    slow.received();
    silent.received();
    body.received();
    return silent.closed() && slow.closed() && body.closed();
  };
  slow.send("GET /x HT");
  EXPECT_TRUE(pump_until(all_closed));
  // A request that is being worked on may take as long as it likes.
  server_->answer(requests_.at(0).id, {});
  pump();
  EXPECT_THAT(handled.received(), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, RefusesBodiesThatAreTooLarge) {
  Client announced(server_->port());
  announced.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  pump();
  EXPECT_THAT(announced.received(), StartsWith("HTTP/1.1 413 "));
  Client chunked(server_->port());
  const std::string chunk = "64\r\n" + std::string(100, 'x') + "\r\n";
  chunked.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 11; ++i) chunked.send(chunk);
  chunked.send("0\r\n\r\n");
  pump();
  EXPECT_THAT(chunked.received(), StartsWith("HTTP/1.1 413 "));
  Client endless(server_->port());
  endless.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 41; ++i) endless.send(chunk);
  EXPECT_TRUE(pump_until([&] {
    endless.received();
    return endless.closed();
  }));
  EXPECT_THAT(requests_, IsEmpty());
}

TEST_F(HttpServerTest, SurvivesWhatIsNotHttp) {
  limits_.receive = 300ms;
  start();
  for (const std::string& noise :
       {std::string("\r\n\r\n\r\n"), std::string("GET\r\n\r\n"), std::string(100000, 'A'),
        "GET / HTTP/1.1\r\n" + std::string(100000, 'a') + ": x\r\n\r\n", std::string("\x16\x03\x01\x02\x00\x01", 6),
        std::string("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
    Client client(server_->port());
    client.send(noise);
    client.end_sending();
    EXPECT_TRUE(pump_until([&] {
      client.received();
      return client.closed();
    })) << noise.substr(0, 30);
  }
  EXPECT_TRUE(pump_until([&] { return server_->connections() == 0; }));
  Client good(server_->port());
  good.post("{}");
  EXPECT_TRUE(pump_until([&] { return !requests_.empty(); }));
}

TEST_F(HttpServerTest, DropsAnAnswerThatNobodyReads) {
  limits_.deliver = 200ms;
  start();
  Client client(server_->port());
  client.post("{}");
  ASSERT_TRUE(pump_until([&] { return !requests_.empty(); }));
  server_->answer(requests_.at(0).id, {200, std::string(std::size_t{32} << 20U, 'x')});
  EXPECT_TRUE(pump_until([&] { return server_->connections() == 0; }));
  EXPECT_EQ(server_->exchanges(), 0U);
}

TEST_F(HttpServerTest, TwoHundredConnectionsLeaveNothingBehind) {
  const auto before = open_descriptors();
  SplitMix64 random(1);
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Client>> clients;
    requests_.clear();
    for (int i = 0; i < 200; ++i) {
      clients.push_back(std::make_unique<Client>(server_->port()));
      ASSERT_TRUE(clients.back()->connected());
      clients.back()->post("{}");
    }
    ASSERT_TRUE(pump_until([&] { return requests_.size() == 200; }));
    EXPECT_EQ(server_->connections(), 200U);
    for (const HttpRequest& request : requests_) {
      if (random.below(2) == 0) server_->begin_events(request.id);
    }
    for (int step = 0; step < 20; ++step) {
      for (const HttpRequest& request : requests_) server_->write(request.id, "data: x\n\n");
      clients[random.below(200)]->reset();
      clients[random.below(200)]->close();
      pump(1);
    }
    for (const HttpRequest& request : requests_) {
      server_->answer(request.id, {});
      server_->end(request.id);
    }
    EXPECT_TRUE(pump_until([&] { return server_->exchanges() == 0; }));
    int answered = 0;
    for (const auto& client : clients) answered += client->received().starts_with("HTTP/1.1 200 ") ? 1 : 0;
    EXPECT_GE(answered, 160);
    clients.clear();
    EXPECT_TRUE(pump_until([&] { return server_->connections() == 0; }));
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HttpServerTest, FinishesWhatItHasWhenItStopsAccepting) {
  Client idle(server_->port());
  Client busy(server_->port());
  busy.post("{}");
  ASSERT_TRUE(pump_until([&] { return requests_.size() == 1 && server_->connections() == 2; }));
  server_->stop_accepting();
  EXPECT_TRUE(pump_until([&] {
    idle.received();
    return idle.closed();
  }));
  EXPECT_FALSE(Client(server_->port()).connected());
  server_->answer(requests_.at(0).id, {});
  EXPECT_TRUE(pump_until([&] { return server_->exchanges() == 0; }));
  EXPECT_THAT(busy.received(), AllOf(StartsWith("HTTP/1.1 200 "), HasSubstr("Connection: close")));
}

TEST_F(HttpServerTest, CanBeDestroyedAtAnyTime) {
  Client waiting(server_->port());
  Client streaming(server_->port());
  Client beginning(server_->port());
  waiting.post("{}");
  ASSERT_TRUE(pump_until([&] { return requests_.size() == 1; }));
  streaming.post("{}");
  ASSERT_TRUE(pump_until([&] { return requests_.size() == 2; }));
  server_->begin_events(requests_.back().id);
  beginning.send("GET /");
  pump();
  server_.reset();
  waiting.received();
  EXPECT_TRUE(waiting.closed());
  EXPECT_THAT(gone_, IsEmpty());
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  try {
    const HttpServer other("127.0.0.1", server_->port(), limits_, {[](const HttpRequest&) {}, {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("Address already in use"));
    EXPECT_THAT(error.cure(), HasSubstr("--port"));
  }
  EXPECT_THROW(HttpServer("no such host", 0, limits_, {[](const HttpRequest&) {}, {}}), Error);
}

}  // namespace
}  // namespace inferbench
