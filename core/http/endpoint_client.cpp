// SPDX-License-Identifier: Apache-2.0
// libcurl's multi interface.
#include "http/endpoint_client.hpp"

#include <curl/curl.h>
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "http/curl_request.hpp"
#include "http/endpoint_stream.hpp"
#include "measure/clock.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr long kKeptConnections = 1024;

using MultiHandle = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;

}  // namespace

struct EndpointClient::Impl {
  /// When data that is handled now may have become readable.
  struct ReadyClock {
    std::uint64_t since_ns = now_ns();  ///< data may have waited since then
    std::uint64_t last_poll_end_ns = since_ns;

    // `at_once`: something was there already, perhaps since the last poll.
    void polled(bool at_once, std::uint64_t end_ns) {
      since_ns = at_once ? last_poll_end_ns : end_ns;
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

  void prepare(Transfer& transfer) const {
    CURL* easy = transfer.easy.get();
    configure_request(easy, url, transfer.headers.get(), endpoint);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.body.c_str());
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_data);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
  }

  void perform() const {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi.get(), &running); code != CURLM_OK) {
      throw Error(fmt::format("HTTP client: {}", curl_multi_strerror(code)));
    }
  }

  EndpointOutcome finish(Transfer& transfer, CURLcode code) const {
    const bool answered = transfer.http_status() != 0;
    EndpointOutcome outcome =
        transfer.stream->finish(transfer_status(code, answered), transfer_problem(code, endpoint, answered),
                                transfer.http_status(), transfer.content_type(), now_ns());
    hide_api_key(endpoint, outcome.request.error);
    return outcome;
  }

  Endpoint endpoint;
  std::string url;
  MultiHandle multi{curl_multi_init(), &curl_multi_cleanup};
  ReadyClock ready;
  std::unordered_map<RequestId, std::unique_ptr<Transfer>> open;
};

EndpointClient::EndpointClient(Endpoint endpoint) {
  initialize_curl();
  check_endpoint(endpoint);
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
  transfer->headers = request_headers(impl_->endpoint);
  transfer->headers.reset(curl_slist_append(transfer->headers.release(), "Content-Type: application/json"));
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
  // The first one never waits: how long a wait took does not tell whether data was there, as the thread may have had to
  // wait for a CPU.
  int n_ready = 0;
  curl_multi_poll(impl_->multi.get(), nullptr, 0, 0, &n_ready);
  const bool at_once = n_ready > 0;
  if (!at_once) curl_multi_poll(impl_->multi.get(), nullptr, 0, static_cast<int>(timeout.count()), &n_ready);
  impl_->ready.polled(at_once, now_ns());
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
