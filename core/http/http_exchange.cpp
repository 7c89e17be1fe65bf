// SPDX-License-Identifier: Apache-2.0
#include "http/http_exchange.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace inferbench {

namespace {

constexpr std::size_t kStreamBlockBytes = 16384;

void add_header(MHD_Response* response, const char* name, const std::string& value) {
  MHD_add_response_header(response, name, value.c_str());
}

}  // namespace

void HttpExchange::end() {
  ended = true;
  ended_at = std::chrono::steady_clock::now();
}

void HttpExchange::suspend() {
  if (!std::exchange(suspended, true)) MHD_suspend_connection(connection);
}

bool HttpExchange::resume() {
  if (!std::exchange(suspended, false)) return false;
  MHD_resume_connection(connection);
  return true;
}

MHD_Result HttpExchange::queue(unsigned status, MHD_Response* response) {
  queued = true;
  const MHD_Result result = MHD_queue_response(connection, status, response);
  MHD_destroy_response(response);
  return result;
}

MHD_Result HttpExchange::queue_answer(bool last) {
  end();
  MHD_Response* response =
      MHD_create_response_from_buffer(answer.body.size(), answer.body.data(), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type);
  if (answer.retry_after_s) add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, std::to_string(*answer.retry_after_s));
  if (!answer.allow.empty()) add_header(response, MHD_HTTP_HEADER_ALLOW, answer.allow);
  if (last || answer.status == 413) add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  return queue(static_cast<unsigned>(answer.status), response);
}

MHD_Result HttpExchange::queue_stream(bool last) {
  MHD_Response* response =
      MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, kStreamBlockBytes, &on_read, this, nullptr);
  if (response == nullptr) return MHD_NO;
  add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
  add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
  add_header(response, "X-Accel-Buffering", "no");  // nginx would collect the events
  if (last) add_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  return queue(200, response);
}

ssize_t HttpExchange::on_read(void* exchange, std::uint64_t /*position*/, char* buffer, std::size_t size) {
  return static_cast<HttpExchange*>(exchange)->read_pending(buffer, size);
}

ssize_t HttpExchange::read_pending(char* buffer, std::size_t size) {
  if (phase == Phase::kGone) return MHD_CONTENT_READER_END_WITH_ERROR;
  const std::size_t n = std::min(size, pending.size() - sent);
  if (n == 0 && ended) return MHD_CONTENT_READER_END_OF_STREAM;
  if (n == 0) {
    suspend();
    return 0;
  }
  std::memcpy(buffer, pending.data() + sent, n);
  sent += n;
  if (sent == pending.size()) {
    pending.clear();
    sent = 0;
  }
  return static_cast<ssize_t>(n);
}

}  // namespace inferbench
