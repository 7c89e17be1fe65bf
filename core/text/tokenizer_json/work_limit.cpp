// SPDX-License-Identifier: Apache-2.0
#include "text/tokenizer_json/work_limit.hpp"

#include <fmt/format.h>

#include <ctime>

#include "support/error.hpp"
#include "text/tokenizer_json/json_part.hpp"

namespace inferbench::tokenizer_json {
namespace {

// A megabyte takes a published pipeline a tenth of a second.
constexpr std::int64_t kStartNs = 3'000'000'000;
constexpr std::int64_t kNsPerByte = 5'000;
constexpr std::size_t kMaxGrowth = 32;
constexpr std::size_t kStartBytes = std::size_t{1} << 20U;

std::int64_t thread_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

WorkLimit::WorkLimit(std::size_t n_bytes) : n_bytes_(n_bytes) {}

bool WorkLimit::is_used_up() {
  if (n_calls_++ % 64 != 0) return false;
  const std::int64_t now = thread_cpu_ns();
  if (end_ns_ == 0) end_ns_ = now + kStartNs + kNsPerByte * static_cast<std::int64_t>(n_bytes_);
  return now > end_ns_;
}

void WorkLimit::check_size(std::size_t n_bytes, const std::string& where) const {
  if (n_bytes <= kStartBytes + kMaxGrowth * n_bytes_) return;
  throw Error(fmt::format("{}: makes {} bytes of a text of {}", where, n_bytes, n_bytes_), kTakeAgain);
}

}  // namespace inferbench::tokenizer_json
