// SPDX-License-Identifier: Apache-2.0
// What all requests to an endpoint by libcurl have in common.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

#include "http/endpoint.hpp"

namespace inferbench {

using EasyHandle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using HeaderList = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// Call before any other use of libcurl; later calls do nothing.
void initialize_curl();

/// Throws Error if the URL is not one, or if the API key cannot be sent.
void check_endpoint(const Endpoint& endpoint);

/// The headers of every request: the API key, if there is one.
HeaderList request_headers(const Endpoint& endpoint);

/// Sets URL, headers, protocol and time limits. Both pointers must outlive the transfer.
void configure_request(CURL* easy, const std::string& url, curl_slist* headers, const Endpoint& endpoint);

/// How a transfer ended. `answered`: an HTTP status has come.
EndpointStatus transfer_status(CURLcode code, bool answered);
/// One line; empty for CURLE_OK.
std::string transfer_problem(CURLcode code, const Endpoint& endpoint, bool answered);

}  // namespace inferbench
