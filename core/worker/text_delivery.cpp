// SPDX-License-Identifier: Apache-2.0
#include "worker/text_delivery.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "measure/clock.hpp"
#include "support/error.hpp"

namespace inferbench {

namespace {

/// Adds the time of its life to a sum.
class AddedTime {
 public:
  explicit AddedTime(std::uint64_t& sum) : sum_(sum), begin_ns_(now_ns()) {}
  ~AddedTime() { sum_ += now_ns() - begin_ns_; }
  AddedTime(const AddedTime&) = delete;
  AddedTime& operator=(const AddedTime&) = delete;

 private:
  std::uint64_t& sum_;
  std::uint64_t begin_ns_;
};

// Until the other end is closed.
void read_all(int fd, const std::function<void(std::string_view)>& client) {
  std::array<char, 1U << 16U> bytes{};
  for (;;) {
    const ssize_t n = read(fd, bytes.data(), bytes.size());
    if (n == 0 || (n < 0 && errno != EINTR)) return;
    if (n > 0 && client) client({bytes.data(), static_cast<std::size_t>(n)});
  }
}

}  // namespace

TextDelivery::TextDelivery(Tokenizer tokenizer, Delivery delivery, std::size_t n_requests,
                           std::function<void(std::string_view)> client)
    : tokenizer_(std::move(tokenizer)), delivery_(delivery), decoders_(n_requests) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw Error("cannot make a socket: " + std::generic_category().message(errno));
  }
  writer_ = OwnedFd(ends[0]);
  reader_ = OwnedFd(ends[1]);
  client_ = std::thread([fd = reader_.get(), client = std::move(client)] { read_all(fd, client); });
}

TextDelivery::~TextDelivery() {
  writer_.reset();
  client_.join();
}

void TextDelivery::token(RequestId id, std::int32_t token) {
  if (delivery_ != Delivery::kStream) return;
  const AddedTime time(spent_ns_);
  std::unique_ptr<StreamDecoder>& decoder = decoders_[id];
  if (!decoder) decoder = std::make_unique<StreamDecoder>(tokenizer_);
  send(id, decoder->push(token), nullptr);
}

void TextDelivery::ended(const RequestOutcome& outcome) {
  const AddedTime time(spent_ns_);
  const std::string_view reason = to_string(outcome.reason);
  if (delivery_ == Delivery::kStream) {
    std::unique_ptr<StreamDecoder> decoder = std::move(decoders_[outcome.id]);
    send(outcome.id, decoder ? decoder->flush() : std::string(), reason.data());
  } else {
    StreamDecoder decoder(tokenizer_);
    std::string text;
    for (const std::int32_t id : outcome.ids) text += decoder.push(id);
    send(outcome.id, text + decoder.flush(), reason.data());
  }
}

// A server-sent event like those of OpenAI's completions.
void TextDelivery::send(RequestId id, const std::string& text, const char* finish) {
  nlohmann::json choice{{"index", 0}, {"text", text}, {"logprobs", nullptr}};
  choice["finish_reason"] = finish == nullptr ? nlohmann::json(nullptr) : nlohmann::json(finish);
  const nlohmann::json event{{"id", id}, {"object", "text_completion"}, {"choices", {std::move(choice)}}};
  std::string bytes = "data: ";
  bytes += event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  bytes += "\n\n";
  if (!send_all(writer_.get(), bytes.data(), bytes.size())) {
    throw Error("cannot send a text: " + std::generic_category().message(errno));
  }
}

}  // namespace inferbench
