// SPDX-License-Identifier: Apache-2.0
// GNU libmicrohttpd, driven by our own poll().
#include "http/http_server.hpp"

#include <fmt/format.h>
#include <microhttpd.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <utility>
#include <vector>

#include "http/http_exchange.hpp"
#include "http/listen_socket.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

using Clock = std::chrono::steady_clock;

// A client that sends a body this many times larger than allowed is cut off; a smaller excess is read to its end, so
// that the client sees the answer.
constexpr std::size_t kSwallowedBodies = 4;
// Output that a client has not read yet. Answers are bounded by the context, so only a broken client gets there.
constexpr std::size_t kMaxPendingBytes = std::size_t{64} << 20U;
constexpr unsigned kIdleSeconds = 120;  // libmicrohttpd's own timeout; ours are shorter

std::string header(MHD_Connection* connection, const char* name) {
  const char* value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string() : std::string(value);
}

// The length that the client announces; 0 if it announces none.
std::size_t announced_length(MHD_Connection* connection) {
  const std::string text = header(connection, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return text.empty() ? 0 : std::strtoull(text.c_str(), nullptr, 10);
}

HttpAnswer too_large() {
  return {
      413,
      R"({"error":{"message":"the request's body is too large","type":"invalid_request_error","param":null,"code":null}})"};
}

}  // namespace

struct HttpServer::Impl {
  HttpLimits limits;
  Events events;
  MHD_Daemon* daemon = nullptr;
  int listener = -1;  ///< owned by the daemon until it is quiesced
  int epoll = -1;
  std::uint16_t port = 0;
  ExchangeId last_id = 0;
  bool accepting = true;
  bool resumed = false;  ///< a connection has something to send since the last MHD_run
  std::unordered_map<HttpConnection*, std::unique_ptr<HttpConnection>> connections;
  std::unordered_map<ExchangeId, std::unique_ptr<HttpExchange>> exchanges;

  // ---- called by libmicrohttpd ----

  static void on_connection(void* self, MHD_Connection* connection, void** context,
                            MHD_ConnectionNotificationCode code) {
    static_cast<Impl*>(self)->note_connection(connection, context, code == MHD_CONNECTION_NOTIFY_STARTED);
  }
  static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url, const char* method,
                               const char* /*version*/, const char* data, size_t* size, void** context) {
    return static_cast<Impl*>(self)->take_request(connection, url, method, {data, *size}, size, context);
  }
  static void on_completed(void* self, MHD_Connection* /*connection*/, void** context,
                           MHD_RequestTerminationCode code) {
    auto* exchange = static_cast<HttpExchange*>(*context);
    *context = nullptr;
    if (exchange != nullptr) static_cast<Impl*>(self)->complete(*exchange, code);
  }

  void note_connection(MHD_Connection* connection, void** context, bool started) {
    if (!started) {
      connections.erase(static_cast<HttpConnection*>(*context));
      return;
    }
    auto made = std::make_unique<HttpConnection>();
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    made->socket = info == nullptr ? -1 : info->connect_fd;
    made->since = Clock::now();
    notice_dead_peers(made->socket);
    *context = made.get();
    connections.emplace(made.get(), std::move(made));
  }

  MHD_Result take_request(MHD_Connection* connection, const char* url, const char* method, std::string_view data,
                          size_t* size, void** context) {
    if (*context == nullptr) {
      begin_exchange(connection, url, method, context);
      HttpExchange& exchange = *static_cast<HttpExchange*>(*context);
      if (announced_length(connection) <= limits.max_body_bytes) return MHD_YES;
      exchange.phase = HttpExchange::Phase::kAnswered;
      exchange.answer = too_large();
      return exchange.queue_answer(!accepting);  // the client need not send it
    }
    HttpExchange& exchange = *static_cast<HttpExchange*>(*context);
    if (*size > 0) {
      *size = 0;
      exchange.received += data.size();
      if (exchange.received <= limits.max_body_bytes) exchange.request.body.append(data);
      return exchange.received <= kSwallowedBodies * limits.max_body_bytes ? MHD_YES : MHD_NO;
    }
    switch (exchange.phase) {
      case HttpExchange::Phase::kReceiving:
        return hand_over(exchange);
      case HttpExchange::Phase::kHandled:
        exchange.suspend();
        return MHD_YES;
      case HttpExchange::Phase::kAnswered:
        return exchange.queued ? MHD_YES : exchange.queue_answer(!accepting);
      case HttpExchange::Phase::kStreaming:
        return exchange.queued ? MHD_YES : exchange.queue_stream(!accepting);
      case HttpExchange::Phase::kGone:
        return MHD_NO;
    }
    return MHD_NO;
  }

  // ---- exchanges ----

  void begin_exchange(MHD_Connection* connection, const char* url, const char* method, void** context) {
    auto made = std::make_unique<HttpExchange>();
    made->id = ++last_id;
    made->connection = connection;
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    made->carrier = info == nullptr ? nullptr : static_cast<HttpConnection*>(info->socket_context);
    made->request = {made->id,
                     method,
                     url,
                     header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
                     header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
                     {}};
    *context = made.get();
    exchanges.emplace(made->id, std::move(made));
  }

  MHD_Result hand_over(HttpExchange& exchange) {
    if (exchange.carrier != nullptr) exchange.carrier->receiving = false;
    exchange.phase = HttpExchange::Phase::kHandled;
    if (exchange.received > limits.max_body_bytes) {
      exchange.phase = HttpExchange::Phase::kAnswered;
      exchange.answer = too_large();
    } else {
      events.request(std::move(exchange.request));
    }
    // The service may have answered at once.
    if (exchange.phase == HttpExchange::Phase::kAnswered) return exchange.queue_answer(!accepting);
    if (exchange.phase == HttpExchange::Phase::kStreaming) return exchange.queue_stream(!accepting);
    exchange.suspend();
    return MHD_YES;
  }

  // Not yet answered in full, and its client has gone.
  void lose(HttpExchange& exchange) {
    const bool told = exchange.phase == HttpExchange::Phase::kReceiving || exchange.ended;
    exchange.phase = HttpExchange::Phase::kGone;
    if (!told && events.gone) events.gone(exchange.id);
    resume(exchange);
  }

  void resume(HttpExchange& exchange) { resumed = exchange.resume() || resumed; }

  void complete(HttpExchange& exchange, MHD_RequestTerminationCode code) {
    exchange.suspended = false;
    if (code != MHD_REQUEST_TERMINATED_COMPLETED_OK && exchange.phase != HttpExchange::Phase::kGone) lose(exchange);
    if (exchange.carrier != nullptr) {
      exchange.carrier->receiving = true;
      exchange.carrier->since = Clock::now();
    }
    exchanges.erase(exchange.id);
  }

  HttpExchange* find(ExchangeId id) {
    const auto found = exchanges.find(id);
    if (found == exchanges.end() || found->second->ended || found->second->phase == HttpExchange::Phase::kGone) {
      return nullptr;
    }
    return found->second.get();
  }

  // ---- the loop ----

  void poll_sockets(std::span<const int> others, std::chrono::milliseconds timeout) {
    std::vector<pollfd> waiting{{epoll, POLLIN, 0}};
    for (const int fd : others) waiting.push_back({fd, POLLIN, 0});
    // libmicrohttpd does not look at suspended connections, so it would not notice that such a client has gone.
    std::vector<HttpExchange*> suspended;
    for (const auto& [id, exchange] : exchanges) {
      if (!exchange->suspended || exchange->carrier == nullptr) continue;
      suspended.push_back(exchange.get());
      waiting.push_back({exchange->carrier->socket, POLLRDHUP, 0});
    }
    MHD_UNSIGNED_LONG_LONG least = 0;
    auto limit = std::min<std::int64_t>(timeout.count(), 1000);  // deadlines are checked once a second
    // libmicrohttpd's own time ignores resumed connections: what was written would leave with the next event only.
    if (resumed) limit = 0;
    if (MHD_get_timeout(daemon, &least) == MHD_YES) limit = std::min(limit, static_cast<std::int64_t>(least));
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(limit)) < 0 && errno != EINTR) {
      throw Error(fmt::format("cannot wait for connections: {}", std::strerror(errno)));
    }
    const std::size_t first = 1 + others.size();
    for (std::size_t i = 0; i < suspended.size(); ++i) {
      if (waiting[first + i].revents != 0) lose(*suspended[i]);
    }
  }

  // Shutting a socket down makes libmicrohttpd see its end. Closing it would leave the number to others.
  void enforce_deadlines() {
    const Clock::time_point now = Clock::now();
    for (const auto& [key, connection] : connections) {
      if (connection->receiving && now - connection->since > limits.receive) shutdown(connection->socket, SHUT_RDWR);
    }
    for (const auto& [id, exchange] : exchanges) {
      const bool late = exchange->ended && now - exchange->ended_at > limits.deliver;
      const bool clogged = exchange->pending.size() - exchange->sent > kMaxPendingBytes;
      if ((late || clogged) && exchange->carrier != nullptr) shutdown(exchange->carrier->socket, SHUT_RDWR);
    }
  }

  void start() {
    const std::array options{
        MHD_OptionItem{MHD_OPTION_LISTEN_SOCKET, listener, nullptr},
        MHD_OptionItem{MHD_OPTION_CONNECTION_LIMIT, limits.max_connections, nullptr},
        MHD_OptionItem{MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, nullptr},
        MHD_OptionItem{MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<intptr_t>(limits.max_header_bytes), nullptr},
        MHD_OptionItem{MHD_OPTION_NOTIFY_CONNECTION, reinterpret_cast<intptr_t>(&on_connection), this},
        MHD_OptionItem{MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<intptr_t>(&on_completed), this},
        MHD_OptionItem{MHD_OPTION_END, 0, nullptr}};
    daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, &on_request, this,
                              MHD_OPTION_ARRAY, options.data(), MHD_OPTION_END);
    if (daemon == nullptr) throw Error(fmt::format("cannot start the HTTP server: {}", std::strerror(errno)));
    epoll = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
  }
};

HttpServer::HttpServer(const std::string& host, std::uint16_t port, const HttpLimits& limits, Events events)
    : impl_(std::make_unique<Impl>()) {
  impl_->limits = limits;
  impl_->events = std::move(events);
  ListenSocket socket = listen_on(host, port);
  impl_->listener = socket.fd.get();
  impl_->port = socket.port;
  impl_->start();
  socket.fd.release();  // the daemon closes it
}

HttpServer::~HttpServer() {
  impl_->events.gone = nullptr;
  // The library ends the process if it is stopped while connections are suspended.
  for (const auto& [id, exchange] : impl_->exchanges) {
    exchange->phase = HttpExchange::Phase::kGone;
    exchange->resume();
  }
  MHD_stop_daemon(impl_->daemon);
}

std::uint16_t HttpServer::port() const {
  return impl_->port;
}

void HttpServer::wait(std::span<const int> others, std::chrono::milliseconds timeout) {
  impl_->poll_sockets(others, timeout);
  impl_->enforce_deadlines();
  impl_->resumed = false;  // before MHD_run, whose events may resume others
  if (MHD_run(impl_->daemon) != MHD_YES) throw Error("the HTTP server failed");
}

void HttpServer::stop_accepting() {
  if (!std::exchange(impl_->accepting, false)) return;
  const int listener = MHD_quiesce_daemon(impl_->daemon);
  if (listener >= 0) close_socket(listener);
  for (const auto& [key, connection] : impl_->connections) {
    if (connection->receiving) shutdown(connection->socket, SHUT_RDWR);
  }
}

std::size_t HttpServer::connections() const {
  return impl_->connections.size();
}

std::size_t HttpServer::exchanges() const {
  return impl_->exchanges.size();
}

void HttpServer::answer(ExchangeId id, HttpAnswer answer) {
  HttpExchange* exchange = impl_->find(id);
  if (exchange == nullptr || exchange->phase != HttpExchange::Phase::kHandled) return;
  exchange->phase = HttpExchange::Phase::kAnswered;
  exchange->answer = std::move(answer);
  impl_->resume(*exchange);
}

void HttpServer::begin_events(ExchangeId id) {
  HttpExchange* exchange = impl_->find(id);
  if (exchange == nullptr || exchange->phase != HttpExchange::Phase::kHandled) return;
  exchange->phase = HttpExchange::Phase::kStreaming;
  impl_->resume(*exchange);
}

void HttpServer::write(ExchangeId id, std::string_view bytes) {
  HttpExchange* exchange = impl_->find(id);
  if (exchange == nullptr || exchange->phase != HttpExchange::Phase::kStreaming) return;
  exchange->pending.append(bytes);
  impl_->resume(*exchange);
}

void HttpServer::end(ExchangeId id) {
  HttpExchange* exchange = impl_->find(id);
  if (exchange == nullptr || exchange->phase != HttpExchange::Phase::kStreaming) return;
  exchange->end();
  impl_->resume(*exchange);
}

}  // namespace inferbench
