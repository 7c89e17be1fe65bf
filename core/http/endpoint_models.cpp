// SPDX-License-Identifier: Apache-2.0
#include "http/endpoint_models.hpp"

#include "http/curl_request.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

constexpr std::size_t kMaxListBytes = std::size_t{4} << 20U;
constexpr long kHttpOk = 200;

std::size_t append_body(const char* data, std::size_t size, std::size_t count, void* user) {
  auto& body = *static_cast<std::string*>(user);
  if (body.size() + size * count > kMaxListBytes) return 0;
  body.append(data, size * count);
  return size * count;
}

bool is_missing_path(long status) {
  return status == 404 || status == 405 || status == 501;
}

}  // namespace

std::optional<std::vector<std::string>> list_endpoint_models(const Endpoint& endpoint) {
  initialize_curl();
  check_endpoint(endpoint);
  const EasyHandle easy(curl_easy_init(), &curl_easy_cleanup);
  if (!easy) throw Error("HTTP client: out of memory");
  const HeaderList headers = request_headers(endpoint);
  std::string body;
  configure_request(easy.get(), endpoint.url + "/models", headers.get(), endpoint);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &append_body);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(easy.get());
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  const char* type = nullptr;
  curl_easy_getinfo(easy.get(), CURLINFO_CONTENT_TYPE, &type);
  const std::string content_type = type == nullptr ? "" : type;
  if (code != CURLE_OK) {
    throw EndpointError(transfer_status(code, status != 0), transfer_problem(code, endpoint, status != 0));
  }
  hide_api_key(endpoint, body);
  if (is_missing_path(status)) return std::nullopt;
  const bool is_html = content_type.find("html") != std::string::npos;
  if (status != kHttpOk || is_html) {
    throw EndpointError(status == kHttpOk ? EndpointStatus::kBroken : EndpointStatus::kRefused,
                        describe_refusal(static_cast<std::int32_t>(status), content_type, body));
  }
  return parse_model_list(body);
}

}  // namespace inferbench
