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

ContextMessages*& listener() {
  thread_local ContextMessages* present = nullptr;
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

ContextMessages::ContextMessages() {
  listener() = this;
}

ContextMessages::~ContextMessages() {
  listener() = nullptr;
}

void ContextMessages::read(std::string_view line) {
  read_buffer(line);
  read_cache(line);
}

// "creating     SWA KV cache, size = 256 cells" or "creating non-SWA KV cache, ...", and then
// "size = 2.00 MiB ( 256 cells,  3 layers,  1/1 seqs), K (f16): ...".
void ContextMessages::read_cache(std::string_view line) {
  constexpr std::string_view kLayers = " layers,";
  if (line.find("SWA KV cache") != std::string_view::npos) {
    is_window_cache_ = line.find("non-SWA") == std::string_view::npos;
    if (is_window_cache_) window_layers_ = 0;  // a cache without layers says no more
    return;
  }
  const std::size_t end = line.find(kLayers);
  if (end == std::string_view::npos || !is_window_cache_) return;
  std::size_t begin = end;
  while (begin > 0 && line[begin - 1] >= '0' && line[begin - 1] <= '9') --begin;
  window_layers_ = static_cast<std::int32_t>(std::strtol(std::string(line.substr(begin)).c_str(), nullptr, 10));
}

// "sched_reserve:        CPU compute buffer size =     4.26 MiB". A buffer that grows is told of again.
void ContextMessages::read_buffer(std::string_view line) {
  constexpr std::string_view kSize = " buffer size =";
  constexpr double kMib = 1 << 20;
  const std::size_t end = line.find(kSize);
  if (end == std::string_view::npos) return;
  const std::string_view name = line.substr(0, end);
  if (!name.ends_with("compute") && !name.ends_with("output")) return;
  const std::string number(line.substr(end + kSize.size()));
  bytes_[std::string(name)] = static_cast<std::uint64_t>(std::strtod(number.c_str(), nullptr) * kMib);
}

std::uint64_t ContextMessages::work_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& [name, bytes] : bytes_) sum += bytes;
  return sum;
}

}  // namespace inferbench::llama_cpp
