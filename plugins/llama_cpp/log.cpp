// SPDX-License-Identifier: Apache-2.0
#include "log.hpp"

#include <llama.h>

#include <cstdlib>
#include <string_view>

namespace inferbench::llama_cpp {
namespace {

constexpr std::size_t kMostBytes = 400;  // an error of the ABI has 511

std::string& errors() {
  thread_local std::string text;
  return text;
}

BufferSizes*& listener() {
  thread_local BufferSizes* present = nullptr;
  return present;
}

void keep(ggml_log_level level, const char* message, void*) {
  thread_local bool keeps = false;
  if (level != GGML_LOG_LEVEL_CONT) keeps = level == GGML_LOG_LEVEL_ERROR;
  if (level == GGML_LOG_LEVEL_INFO && message != nullptr && listener() != nullptr) listener()->read(message);
  std::string& text = errors();
  if (!keeps || message == nullptr || text.size() >= kMostBytes) return;
  for (const char c : std::string_view(message)) {
    if (text.size() < kMostBytes) text += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
}

}  // namespace

void capture_log() {
  llama_log_set(keep, nullptr);
}

std::string take_errors() {
  std::string text;
  text.swap(errors());
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

BufferSizes::BufferSizes() {
  listener() = this;
}

BufferSizes::~BufferSizes() {
  listener() = nullptr;
}

// "sched_reserve:        CPU compute buffer size =     4.26 MiB". A buffer that grows is told of again.
void BufferSizes::read(std::string_view line) {
  constexpr std::string_view kSize = " buffer size =";
  constexpr double kMib = 1 << 20;
  const std::size_t end = line.find(kSize);
  if (end == std::string_view::npos) return;
  const std::string_view name = line.substr(0, end);
  if (!name.ends_with("compute") && !name.ends_with("output")) return;
  const std::string number(line.substr(end + kSize.size()));
  bytes_[std::string(name)] = static_cast<std::uint64_t>(std::strtod(number.c_str(), nullptr) * kMib);
}

std::uint64_t BufferSizes::work_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, bytes] : bytes_) sum += bytes;
  return sum;
}

}  // namespace inferbench::llama_cpp
