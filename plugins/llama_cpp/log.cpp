// SPDX-License-Identifier: Apache-2.0
#include "log.hpp"

#include <llama.h>

#include <string_view>

namespace inferbench::llama_cpp {
namespace {

constexpr std::size_t kMostBytes = 400;  // an error of the ABI has 511

std::string& errors() {
  thread_local std::string text;
  return text;
}

void keep(ggml_log_level level, const char* message, void*) {
  thread_local bool keeps = false;
  if (level != GGML_LOG_LEVEL_CONT) keeps = level == GGML_LOG_LEVEL_ERROR;
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

}  // namespace inferbench::llama_cpp
