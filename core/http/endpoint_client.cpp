// SPDX-License-Identifier: Apache-2.0
// libcurl's multi interface.
#include "http/endpoint_client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "http/endpoint_stream.hpp"
#include "measure/clock.hpp"
#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

namespace {

constexpr long kKeptConnections = 1024;
// A wait that took less found something ready at once.
constexpr std::uint64_t kNoWaitNs = 20'000;

using EasyHandle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using MultiHandle = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;
using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

void initialize_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

EndpointStatus status_of(CURLcode code, bool answered) {
  switch (code) {
    case CURLE_OK:
      return EndpointStatus::kOk;
    case CURLE_OPERATION_TIMEDOUT:
      return EndpointStatus::kTimeout;
    case CURLE_WRITE_ERROR:  // the stream has said why
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return EndpointStatus::kBroken;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
      return answered ? EndpointStatus::kCut : EndpointStatus::kBroken;
    default:
      return answered ? EndpointStatus::kCut : EndpointStatus::kUnreachable;
  }
}

std::string problem_text(CURLcode code, const Endpoint& endpoint, bool answered) {
  switch (code) {
    case CURLE_OK:
      return {};
    case CURLE_OPERATION_TIMEDOUT:
      return answered ? fmt::format("not finished within {} s", endpoint.timeout_s)
                      : fmt::format("no answer within {} s", endpoint.timeout_s);
    case CURLE_COULDNT_CONNECT:
      return fmt::format("no connection to {}: it is refused", endpoint.url);
    case CURLE_COULDNT_RESOLVE_HOST:
      return fmt::format("no connection to {}: unknown host", endpoint.url);
    case CURLE_GOT_NOTHING:
      return "the server closed the connection without an answer";
    default:
      return one_line(curl_easy_strerror(code), 200);
  }
}

void check_url(const std::string& url) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  const bool is_http = url.starts_with("http://") || url.starts_with("https://");
  if (is_http && curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK) return;
  throw Error(fmt::format("'{}' is not the URL of an endpoint", one_line(url, 200)),
              "give it up to /v1, such as http://127.0.0.1:8080/v1");
}

}  // namespace

struct EndpointClient::Impl {
  /// When data that is handled now may have become readable.
  struct ReadyClock {
    std::uint64_t since_ns = now_ns();  ///< data may have waited since then
    std::uint64_t last_poll_end_ns = since_ns;

    void polled(std::uint64_t begin_ns, std::uint64_t end_ns) {
      // If the wait really waited, nothing was there before its end. Else it may have been there since the last wait.
      since_ns = end_ns - begin_ns > kNoWaitNs ? end_ns : last_poll_end_ns;
      last_poll_end_ns = end_ns;
    }
  };

  struct Transfer {
    EasyHandle easy{nullptr, &curl_easy_cleanup};
    HeaderList headers{nullptr, &curl_slist_free_all};
    std::string body;
    const ReadyClock* ready = nullptr;
    std::unique_ptr<EndpointStream> stream;

    std::int32_t http_status() const {
      long status = 0;
      curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
      return static_cast<std::int32_t>(status);
    }
    std::string_view content_type() const {
      const char* type = nullptr;
      curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_TYPE, &type);
      return type == nullptr ? std::string_view() : std::string_view(type);
    }
  };

  static std::size_t on_data(const char* data, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::uint64_t now = now_ns();
    const bool wanted = transfer.stream->push({data, size * count}, transfer.http_status(), transfer.content_type(),
                                              now, now - transfer.ready->since_ns);
    return wanted ? size * count : 0;
  }

  explicit Impl(Endpoint wanted) : endpoint(std::move(wanted)) {
    while (endpoint.url.ends_with('/')) endpoint.url.pop_back();
    curl_multi_setopt(multi.get(), CURLMOPT_MAXCONNECTS, kKeptConnections);
    url = endpoint.url + std::string(endpoint_path(endpoint.kind));
  }
  ~Impl() {
    for (const auto& [id, transfer] : open) curl_multi_remove_handle(multi.get(), transfer->easy.get());
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  HeaderList headers() const {
    curl_slist* list = curl_slist_append(nullptr, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:");  // no extra round trip for larger bodies
    if (!endpoint.api_key.empty()) {
      list = curl_slist_append(list, ("Authorization: Bearer " + endpoint.api_key).c_str());
    }
    return {list, &curl_slist_free_all};
  }

  void prepare(Transfer& transfer) const {
    CURL* easy = transfer.easy.get();
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.body.c_str());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");  // a proxy of the environment would be measured, too
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "inferbench");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(endpoint.connect_timeout_s * 1e3));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(endpoint.timeout_s * 1e3));
  }

  void perform() const {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi.get(), &running); code != CURLM_OK) {
      throw Error(fmt::format("HTTP client: {}", curl_multi_strerror(code)));
    }
  }

  EndpointOutcome finish(Transfer& transfer, CURLcode code) const {
    const bool answered = transfer.http_status() != 0;
    return transfer.stream->finish(status_of(code, answered), problem_text(code, endpoint, answered),
                                   transfer.http_status(), transfer.content_type(), now_ns());
  }

  Endpoint endpoint;
  std::string url;
  MultiHandle multi{curl_multi_init(), &curl_multi_cleanup};
  ReadyClock ready;
  std::unordered_map<RequestId, std::unique_ptr<Transfer>> open;
};

EndpointClient::EndpointClient(Endpoint endpoint) {
  initialize_curl();
  check_url(endpoint.url);
  impl_ = std::make_unique<Impl>(std::move(endpoint));
}

EndpointClient::~EndpointClient() = default;

const Endpoint& EndpointClient::endpoint() const {
  return impl_->endpoint;
}

void EndpointClient::submit(const EndpointRequest& request) {
  auto transfer = std::make_unique<Impl::Transfer>();
  transfer->easy.reset(curl_easy_init());
  if (!transfer->easy) throw Error("HTTP client: out of memory");
  transfer->headers = impl_->headers();
  transfer->body = endpoint_body(impl_->endpoint, request);
  transfer->ready = &impl_->ready;
  transfer->stream = std::make_unique<EndpointStream>(impl_->endpoint, request);
  impl_->prepare(*transfer);
  RequestOutcome& outcome = transfer->stream->outcome().request;
  outcome.submit_ns = now_ns();
  outcome.admitted_ns = outcome.submit_ns;
  curl_multi_add_handle(impl_->multi.get(), transfer->easy.get());
  impl_->open[request.id] = std::move(transfer);
  impl_->perform();
}

void EndpointClient::cancel(RequestId id) {
  const auto found = impl_->open.find(id);
  if (found == impl_->open.end()) return;
  curl_multi_remove_handle(impl_->multi.get(), found->second->easy.get());
  impl_->open.erase(found);
}

std::vector<EndpointOutcome> EndpointClient::poll(std::chrono::milliseconds timeout) {
  const std::uint64_t begin = now_ns();
  int n_ready = 0;
  curl_multi_poll(impl_->multi.get(), nullptr, 0, static_cast<int>(timeout.count()), &n_ready);
  impl_->ready.polled(begin, now_ns());
  impl_->perform();
  std::vector<EndpointOutcome> outcomes;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(impl_->multi.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Impl::Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    const CURLcode code = message->data.result;
    curl_multi_remove_handle(impl_->multi.get(), transfer->easy.get());
    outcomes.push_back(impl_->finish(*transfer, code));
    impl_->open.erase(outcomes.back().request.id);
  }
  return outcomes;
}

std::size_t EndpointClient::open() const {
  return impl_->open.size();
}

}  // namespace inferbench
