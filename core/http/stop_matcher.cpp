// SPDX-License-Identifier: Apache-2.0
#include "http/stop_matcher.hpp"

#include <algorithm>
#include <utility>

namespace inferbench {

namespace {

// Length of the longest end of `text` that `stop` begins with; less than all of `stop`.
std::size_t begun_length(std::string_view text, std::string_view stop) {
  for (std::size_t length = std::min(text.size(), stop.size() - 1); length > 0; --length) {
    if (text.substr(text.size() - length) == stop.substr(0, length)) return length;
  }
  return 0;
}

}  // namespace

std::string StopMatcher::push(std::string_view text) {
  if (stopped_) return {};
  held_.append(text);
  std::size_t shown = std::string::npos;
  for (const std::string& stop : stops_) shown = std::min(shown, held_.find(stop));
  stopped_ = shown != std::string::npos;
  if (!stopped_) {
    std::size_t begun = 0;
    for (const std::string& stop : stops_) begun = std::max(begun, begun_length(held_, stop));
    shown = held_.size() - begun;
  }
  std::string ready = held_.substr(0, shown);
  held_.erase(0, stopped_ ? std::string::npos : shown);
  return ready;
}

std::string StopMatcher::flush() {
  return stopped_ ? std::string() : std::exchange(held_, {});
}

}  // namespace inferbench
