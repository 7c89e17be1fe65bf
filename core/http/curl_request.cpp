// SPDX-License-Identifier: Apache-2.0
#include "http/curl_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "support/error.hpp"
#include "support/one_line.hpp"

namespace inferbench {

void initialize_curl() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

void check_endpoint(const Endpoint& endpoint) {
  const std::string& key = endpoint.api_key;
  // A line break would add headers.
  if (std::any_of(key.begin(), key.end(), [](char c) { return c < ' ' || c == '\x7f'; })) {
    throw Error("the API key contains a control character, such as a line break",
                "set the environment variable to the key alone");
  }
  const std::string& url = endpoint.url;
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(), &curl_url_cleanup);
  const bool is_http = url.starts_with("http://") || url.starts_with("https://");
  if (is_http && curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK) return;
  throw Error(fmt::format("'{}' is not the URL of an endpoint", one_line(url, 200)),
              "give it up to /v1, such as http://127.0.0.1:8080/v1");
}

HeaderList request_headers(const Endpoint& endpoint) {
  curl_slist* list = curl_slist_append(nullptr, "Expect:");  // no extra round trip for larger bodies
  if (!endpoint.api_key.empty()) {
    list = curl_slist_append(list, ("Authorization: Bearer " + endpoint.api_key).c_str());
  }
  return {list, &curl_slist_free_all};
}

void configure_request(CURL* easy, const std::string& url, curl_slist* headers, const Endpoint& endpoint) {
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // a proxy of the environment would be measured, too
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, "inferbench");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(endpoint.connect_timeout_s * 1e3));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(endpoint.timeout_s * 1e3));
}

EndpointStatus transfer_status(CURLcode code, bool answered) {
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

std::string transfer_problem(CURLcode code, const Endpoint& endpoint, bool answered) {
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

}  // namespace inferbench
