// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace inferbench {

/// One server-sent event.
struct SseEvent {
  std::string name;  ///< of an "event:" line; mostly empty
  std::string data;  ///< the "data:" lines, joined by line breaks

  friend bool operator==(const SseEvent&, const SseEvent&) = default;
};

/// The end of an OpenAI stream: an event with this data.
inline constexpr std::string_view kSseDone = "[DONE]";

/// Splits a stream of bytes into server-sent events (WHATWG HTML, section 9.2.6), however the bytes are cut. Lines end
/// with LF, CRLF or CR. Comments, "id" and "retry" are ignored, and so are events without data.
class SseParser {
 public:
  static constexpr std::size_t kDefaultMaxEventBytes = std::size_t{1} << 20U;

  /// `max_event_bytes`: of one event, the unfinished line included.
  explicit SseParser(std::size_t max_event_bytes = kDefaultMaxEventBytes) : max_event_bytes_(max_event_bytes) {}

  /// Throws Error if an event is larger than allowed; after that the parser must not be used.
  void push(std::string_view bytes);

  /// The next complete event; nullopt until more bytes arrive.
  std::optional<SseEvent> next();

  /// Part of an event has arrived, but not the empty line that ends it. At the end of a stream this event is lost.
  bool is_inside_event() const { return !line_.empty() || has_data_; }

 private:
  void end_line();
  void take_field(std::string_view field, std::string_view value);

  std::size_t max_event_bytes_;
  std::string line_;
  SseEvent event_;
  bool has_data_ = false;
  bool after_cr_ = false;   ///< a LF that follows belongs to the same line end
  bool first_line_ = true;  ///< a byte order mark is skipped there
  std::deque<SseEvent> events_;
};

}  // namespace inferbench
